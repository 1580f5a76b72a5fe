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
const TAG_BITS = 12;
const TAG_MASK = 2 ** TAG_BITS - 1;
const TIME_BITS = 52n;
const TIME_MASK = (1n << TIME_BITS) - 1n;
const MAX_ATTEMPTS = 64;

/** Keys of which is remembered where they are; beyond it the memory starts anew. */
const REMEMBERED = 4096;

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

/** Which half of a word is the upper one. */
const UPPER = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;
const HALF = 2 ** 32;
const UPPER_TIME_BITS = 20;
const UPPER_TIME_MASK = 2 ** UPPER_TIME_BITS - 1;

export class TokenBuckets {
  readonly #words: BigUint64Array;
  /** The same memory in halves: looking at numbers costs a tenth of looking at big integers. */
  readonly #halves: Uint32Array;
  readonly #salt: string;
  /** The digests of keys that came lately: a set and a tag in one number. */
  readonly #known = new Map<string, number>();

  /** `salt` is secret and the same in all threads: nobody can choose a key that falls on another's bucket. */
  constructor(memory: SharedArrayBuffer, salt: Uint8Array) {
    this.#words = new BigUint64Array(memory, 0, SETS * WAYS);
    this.#halves = new Uint32Array(memory, 0, 2 * SETS * WAYS);
    this.#salt = Buffer.from(salt).toString('latin1');
  }

  /** Takes `items` from the bucket of `key`: 0, or the milliseconds to wait. `nowMs` is a clock that all threads share. */
  take(key: string, rate: Rate, items: number, nowMs: number): number {
    const place = this.#known.get(key) ?? this.#remember(key);
    const start = (place >>> TAG_BITS) * WAYS;
    const tag = place & TAG_MASK;
    const upper = BigInt(tag) << TIME_BITS;
    const now = Math.floor(nowMs * 1000);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const at = this.#find(start, tag, now);
      const word = Atomics.load(this.#words, at);
      const full = word >> TIME_BITS === BigInt(tag) ? Number(word & TIME_MASK) : 0;
      const next = nextFull(full, now, rate, items);
      if (!next.admitted) return next.waitMicros / 1000;
      const changed = upper | (BigInt(next.full) & TIME_MASK);
      if (Atomics.compareExchange(this.#words, at, word, changed) === word) return 0;
    }
    return 1;
  }

  #remember(key: string): number {
    const digest = hash('sha1', this.#salt + key, 'buffer');
    const place = digest.readUInt16LE(0) * 2 ** TAG_BITS + (digest.readUInt16LE(2) >> 4);
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(key, place);
    return place;
  }

  /**
   * The word of this key; else a free one; else the one that is free soonest. Another thread may change a word between its
   * halves: then this may choose another word, which costs its key no more than a forgotten bucket.
   */
  #find(start: number, tag: number, now: number): number {
    let best = start;
    let bestTime = Infinity;
    for (let at = start; at < start + WAYS; at++) {
      const upper = this.#halves[2 * at + UPPER] ?? 0;
      const time = (upper & UPPER_TIME_MASK) * HALF + (this.#halves[2 * at + 1 - UPPER] ?? 0);
      if (upper >>> UPPER_TIME_BITS === tag && time > now) return at;
      if (time < bestTime) {
        best = at;
        bestTime = time;
      }
    }
    return best;
  }
}
