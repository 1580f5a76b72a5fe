import type { SqliteDatabase } from './open.ts';

/** How many credentials wait until they are filed: so many that those of one holder, or of neighbours, come together. */
const WINDOW = 8192;

/** Filed in one transaction beside the facts of a batch: a fraction of a millisecond, and a few dozen pages. */
const SLICE = 128;

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
  /** Not filed yet, by index. */
  #waiting = new Map<number, number>();
  #run: Run | undefined;

  constructor(db: SqliteDatabase, window = WINDOW) {
    this.#window = window;
    // A run that a crash broke off begins anew.
    this.#file = db.prepare<[number, number]>('INSERT OR IGNORE INTO held_credential (holder, idx) VALUES (?, ?)');
    this.#moveBelow = db.prepare<[number]>('UPDATE filing SET below = ? WHERE id = 1');
    this.#remove = db.prepare<[number, number]>('DELETE FROM held_credential WHERE holder = ? AND idx = ?');
    const left = db.prepare<[], Held>(
      'SELECT idx, holder FROM credential WHERE idx >= (SELECT below FROM filing WHERE id = 1) ORDER BY idx',
    );
    for (const { idx, holder } of left.all()) this.#waiting.set(idx, holder);
  }

  /** A credential was issued; indexes only grow. */
  add(idx: number, holder: number): void {
    this.#waiting.set(idx, holder);
  }

  /** Its row is gone. */
  remove(idx: number, holder: number): void {
    this.#waiting.delete(idx);
    this.#remove.run(holder, idx);
  }

  /** The holders of those that are not filed. */
  holders(): ReadonlySet<number> {
    return new Set(this.#waiting.values());
  }

  /** Files a few, if it is time to. */
  step(): void {
    const run = this.#run ?? this.#begin();
    if (run === undefined) return;
    const end = Math.min(run.at + SLICE, run.held.length);
    for (; run.at < end; run.at += 1) {
      const next = run.held[run.at];
      if (next !== undefined && this.#waiting.has(next.idx)) this.#file.run(next.holder, next.idx);
    }
    if (run.at < run.held.length) return;
    this.#moveBelow.run(run.below);
    for (const { idx } of run.held) this.#waiting.delete(idx);
    this.#run = undefined;
  }

  #begin(): Run | undefined {
    if (this.#waiting.size < this.#window) return undefined;
    const held: Held[] = [];
    let below = 0;
    for (const [idx, holder] of this.#waiting) {
      held.push({ idx, holder });
      below = idx + 1;
    }
    this.#run = { held: held.sort(byHolder), below, at: 0 };
    return this.#run;
  }
}
