import type { SqliteDatabase } from './open.ts';

/** How many credentials are filed in one run: so many that those of one holder, or of neighbours, share pages. */
const WINDOW = 8192;

/** At least so many are filed beside the facts of a batch: a fraction of a millisecond, and a few dozen pages. */
const SLICE = 128;

/** Or so many times what was added since: however large batches are, less than two windows wait. */
const AHEAD = 2;

/** A credential that is to be filed. */
interface Unfiled {
  readonly idx: number;
  readonly holder: number;
}

/** One run of filing: a window of credentials in the order of their holders, and how far it has come. */
interface Run {
  readonly unfiled: readonly Unfiled[];
  /** Everything issued before it is filed once the run is through. */
  readonly below: number;
  at: number;
}

const byHolder = (left: Unfiled, right: Unfiled): number => left.holder - right.holder || left.idx - right.idx;

/**
 * Keeps the table that finds credentials by holder (`held_credential`). Rows go into it a window at a time, sorted by holder:
 * one by one, each would touch a page of its own. What waits is in memory and, from `filing.below` on, in the table of
 * credentials, so that a crash loses nothing. For the writer only, inside the batch's transaction.
 */
export class Filing {
  readonly #file;
  readonly #moveBelow;
  readonly #remove;
  readonly #window: number;
  /** Everything issued before it is filed. */
  #below: number;
  /** Issued since the run began, in order. */
  #waiting: Unfiled[];
  #run: Run | undefined;
  /** Purged before they were filed. */
  readonly #gone = new Set<number>();
  /** How many of each holder are not filed: counted when a purge asks, kept until the next run ends. */
  #unfiledOf: Map<number, number> | undefined;
  #added = 0;

  constructor(db: SqliteDatabase, window = WINDOW) {
    this.#window = window;
    // A run that a crash broke off begins anew.
    this.#file = db.prepare<[number, number]>('INSERT OR IGNORE INTO held_credential (holder, idx) VALUES (?, ?)');
    this.#moveBelow = db.prepare<[number]>('UPDATE filing SET below = ? WHERE id = 1');
    this.#remove = db.prepare<[number, number]>('DELETE FROM held_credential WHERE holder = ? AND idx = ?');
    this.#below = db.prepare<[], number>('SELECT below FROM filing WHERE id = 1').pluck().get() ?? 0;
    this.#waiting = db
      .prepare<[number], Unfiled>('SELECT idx, holder FROM credential WHERE idx >= ? ORDER BY idx')
      .all(this.#below);
  }

  /** A credential was issued; indexes only grow. */
  add(idx: number, holder: number): void {
    this.#waiting.push({ idx, holder });
    this.#added += 1;
    this.#unfiledOf?.set(holder, (this.#unfiledOf.get(holder) ?? 0) + 1);
  }

  /** The row of a credential was purged. */
  remove(idx: number, holder: number): void {
    if (idx >= this.#below) {
      this.#gone.add(idx);
      this.#unfiledOf?.set(holder, (this.#unfiledOf.get(holder) ?? 0) - 1);
    }
    this.#remove.run(holder, idx);
  }

  /** Whether any credential of this holder is not filed yet. */
  holds(holder: number): boolean {
    this.#unfiledOf ??= this.#count();
    return (this.#unfiledOf.get(holder) ?? 0) > 0;
  }

  /** Files a slice, if a window is full. */
  step(): void {
    const slice = Math.max(SLICE, AHEAD * this.#added);
    this.#added = 0;
    const run = this.#run ?? this.#begin();
    if (run === undefined) return;
    const end = Math.min(run.at + slice, run.unfiled.length);
    for (; run.at < end; run.at += 1) {
      const next = run.unfiled[run.at];
      if (next !== undefined && !this.#gone.has(next.idx)) this.#file.run(next.holder, next.idx);
    }
    if (run.at < run.unfiled.length) return;
    this.#moveBelow.run(run.below);
    this.#below = run.below;
    for (const idx of this.#gone) if (idx < run.below) this.#gone.delete(idx);
    this.#run = undefined;
    this.#unfiledOf = undefined;
  }

  #count(): Map<number, number> {
    const counts = new Map<number, number>();
    for (const unfiled of [this.#run?.unfiled ?? [], this.#waiting]) {
      for (const { idx, holder } of unfiled) {
        if (!this.#gone.has(idx)) counts.set(holder, (counts.get(holder) ?? 0) + 1);
      }
    }
    return counts;
  }

  #begin(): Run | undefined {
    const newest = this.#waiting.at(-1);
    if (newest === undefined || this.#waiting.length < this.#window) return undefined;
    this.#run = { unfiled: this.#waiting.sort(byHolder), below: newest.idx + 1, at: 0 };
    this.#waiting = [];
    return this.#run;
  }
}
