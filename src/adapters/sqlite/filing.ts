import type { SqliteDatabase } from './open.ts';

/** How many credentials wait until they are filed: so many that those of one holder, or of neighbours, come together. */
const WINDOW = 8192;

/** Filed in one transaction beside the facts of a batch, at least: a fraction of a millisecond, and a few dozen pages. */
const SLICE = 128;

/** As many times what came since the slice before: whatever the size of batches, what waits stays below two windows. */
const AHEAD = 2;

interface Held {
  readonly idx: number;
  readonly holder: number;
}

/** Those that are filed now, in the order of their holders, and how far. */
interface Run {
  readonly held: readonly Held[];
  /** Everything issued before it is filed once the run is through. */
  readonly below: number;
  at: number;
}

const byHolder = (left: Held, right: Held): number => left.holder - right.holder || left.idx - right.idx;

/**
 * Files which credentials each holder has (`held_credential`), a window at a time. For the writer only, inside the batch's
 * transaction. What is in memory here is what the store holds from `filing.below` on, so that a crash loses nothing.
 */
export class Filing {
  readonly #file;
  readonly #moveBelow;
  readonly #remove;
  readonly #window: number;
  /** Everything issued before it is filed. */
  #below: number;
  /** Issued since the run began, in order. */
  #waiting: Held[];
  #run: Run | undefined;
  /** Not filed, and never to be. */
  readonly #gone = new Set<number>();
  /** How many of each holder are not filed: counted when a purge asks, kept until the next run ends. */
  #held: Map<number, number> | undefined;
  #added = 0;

  constructor(db: SqliteDatabase, window = WINDOW) {
    this.#window = window;
    // A run that a crash broke off begins anew.
    this.#file = db.prepare<[number, number]>('INSERT OR IGNORE INTO held_credential (holder, idx) VALUES (?, ?)');
    this.#moveBelow = db.prepare<[number]>('UPDATE filing SET below = ? WHERE id = 1');
    this.#remove = db.prepare<[number, number]>('DELETE FROM held_credential WHERE holder = ? AND idx = ?');
    this.#below = db.prepare<[], number>('SELECT below FROM filing WHERE id = 1').pluck().get() ?? 0;
    this.#waiting = db
      .prepare<[number], Held>('SELECT idx, holder FROM credential WHERE idx >= ? ORDER BY idx')
      .all(this.#below);
  }

  /** A credential was issued; indexes only grow. */
  add(idx: number, holder: number): void {
    this.#waiting.push({ idx, holder });
    this.#added += 1;
    this.#held?.set(holder, (this.#held.get(holder) ?? 0) + 1);
  }

  /** Its row is gone. */
  remove(idx: number, holder: number): void {
    if (idx >= this.#below) {
      this.#gone.add(idx);
      this.#held?.set(holder, (this.#held.get(holder) ?? 0) - 1);
    }
    this.#remove.run(holder, idx);
  }

  /** Whether any of this holder's is not filed. */
  holds(holder: number): boolean {
    this.#held ??= this.#count();
    return (this.#held.get(holder) ?? 0) > 0;
  }

  /** Files a few, if it is time to. */
  step(): void {
    const slice = Math.max(SLICE, AHEAD * this.#added);
    this.#added = 0;
    const run = this.#run ?? this.#begin();
    if (run === undefined) return;
    const end = Math.min(run.at + slice, run.held.length);
    for (; run.at < end; run.at += 1) {
      const next = run.held[run.at];
      if (next !== undefined && !this.#gone.has(next.idx)) this.#file.run(next.holder, next.idx);
    }
    if (run.at < run.held.length) return;
    this.#moveBelow.run(run.below);
    this.#below = run.below;
    for (const idx of this.#gone) if (idx < run.below) this.#gone.delete(idx);
    this.#run = undefined;
    this.#held = undefined;
  }

  #count(): Map<number, number> {
    const counts = new Map<number, number>();
    for (const unfiled of [this.#run?.held ?? [], this.#waiting]) {
      for (const { idx, holder } of unfiled) {
        if (!this.#gone.has(idx)) counts.set(holder, (counts.get(holder) ?? 0) + 1);
      }
    }
    return counts;
  }

  #begin(): Run | undefined {
    const newest = this.#waiting.at(-1);
    if (newest === undefined || this.#waiting.length < this.#window) return undefined;
    this.#run = { held: this.#waiting.sort(byHolder), below: newest.idx + 1, at: 0 };
    this.#waiting = [];
    return this.#run;
  }
}
