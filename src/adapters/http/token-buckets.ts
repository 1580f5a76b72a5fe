import { hash } from 'node:crypto';

/**
 * Token buckets in memory that threads share (DEC-1, DEC-21). Each bucket is one 64-bit word: 12 bits of the key's hash and 52
 * bits of the microsecond at which the bucket is full again (the generic cell rate algorithm), so one compare-and-swap
 * decides. The table has a fixed size; a word whose time has passed is a full bucket, and free for any key.
 */

export interface Rate {
  readonly perSecond: number;
  /** How many may come at once; one second's worth unless told. */
  readonly burst?: number;
}

/** Words looked at for one key. */
const WAYS = 8;
const SETS = 65_536;
const TIME_BITS = 52n;
const TIME_MASK = (1n << TIME_BITS) - 1n;
const MAX_ATTEMPTS = 64;

/** How large the shared memory has to be. */
export const TOKEN_BUCKET_BYTES = SETS * WAYS * BigUint64Array.BYTES_PER_ELEMENT;

/** The moment when the bucket is full again after `items` more, and whether they may come now. Times in microseconds. */
export const nextFull = (
  full: number,
  now: number,
  rate: Rate,
  items: number,
): { readonly admitted: true; readonly full: number } | { readonly admitted: false; readonly waitMicros: number } => {
  const interval = 1e6 / rate.perSecond;
  const burst = Math.max(1, rate.burst ?? rate.perSecond);
  const from = Math.max(full, now);
  // A batch larger than the burst needs a full bucket and leaves a debt; otherwise it could never come.
  const excess = from + Math.min(items, burst) * interval - (now + burst * interval);
  // Half a microsecond: what rounding to whole ones may cost.
  if (excess > 0.5) return { admitted: false, waitMicros: excess };
  return { admitted: true, full: Math.ceil(from + items * interval) };
};

export class TokenBuckets {
  readonly #words: BigUint64Array;
  readonly #salt: string;

  /** `salt` is secret and the same in all threads: nobody can choose a key that falls on another's bucket. */
  constructor(memory: SharedArrayBuffer, salt: Uint8Array) {
    this.#words = new BigUint64Array(memory, 0, SETS * WAYS);
    this.#salt = Buffer.from(salt).toString('latin1');
  }

  /** Takes `items` from the bucket of `key`: 0, or the milliseconds to wait. `nowMs` is a clock that all threads share. */
  take(key: string, rate: Rate, items: number, nowMs: number): number {
    const digest = hash('sha1', this.#salt + key, 'buffer');
    const start = digest.readUInt16LE(0) * WAYS;
    const tag = BigInt(digest.readUInt16LE(2) >> 4);
    const now = Math.floor(nowMs * 1000);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const at = this.#find(start, tag, BigInt(now));
      const word = Atomics.load(this.#words, at);
      const full = word >> TIME_BITS === tag ? Number(word & TIME_MASK) : 0;
      const next = nextFull(full, now, rate, items);
      if (!next.admitted) return next.waitMicros / 1000;
      const changed = (tag << TIME_BITS) | (BigInt(next.full) & TIME_MASK);
      if (Atomics.compareExchange(this.#words, at, word, changed) === word) return 0;
    }
    return 1;
  }

  /** The word of this key; else a free one; else the one that is free soonest. */
  #find(start: number, tag: bigint, now: bigint): number {
    let best = start;
    let bestTime = TIME_MASK;
    for (let at = start; at < start + WAYS; at++) {
      const word = Atomics.load(this.#words, at);
      const time = word & TIME_MASK;
      if (word >> TIME_BITS === tag && time > now) return at;
      if (time < bestTime) {
        best = at;
        bestTime = time;
      }
    }
    return best;
  }
}
