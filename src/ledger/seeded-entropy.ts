import { hash } from 'node:crypto';
import type { Entropy } from '../ports/entropy.ts';

/** Random octets that a front end sends with each message: the writer has no source of its own. */
export const SEED_BYTES = 32;

/**
 * SHA-256(seed ‖ counter), at most 32 octets a call. As unpredictable as the seed, which is forgotten with this object: no
 * output tells another, so an erased salt cannot be made again.
 */
export class SeededEntropy implements Entropy {
  readonly #block = Buffer.alloc(SEED_BYTES + 4);
  #counter = 0;

  constructor(seed: Uint8Array) {
    if (seed.length !== SEED_BYTES) throw new RangeError(`a seed has ${SEED_BYTES} octets`);
    this.#block.set(seed);
  }

  bytes(count: number): Uint8Array {
    this.#block.writeUInt32BE(this.#counter, SEED_BYTES);
    this.#counter += 1;
    const octets = hash('sha256', this.#block, 'buffer');
    if (count > octets.length) throw new RangeError(`at most ${octets.length} octets at once`);
    return octets.subarray(0, count);
  }
}
