import { randomBytes, randomFillSync } from 'node:crypto';
import type { Entropy } from '../../ports/entropy.ts';

const POOL_BYTES = 4096;
/** Larger requests go to the generator directly. */
const MAX_POOLED_BYTES = 64;

/**
 * Octets of node:crypto. One call to the generator costs a microsecond or two whatever its size, so small requests are cut
 * from a pool; what was handed out is wiped from it.
 */
export const systemEntropy = (): Entropy => {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  return {
    bytes(count) {
      if (count > MAX_POOLED_BYTES) return randomBytes(count);
      if (used + count > POOL_BYTES) {
        randomFillSync(pool);
        used = 0;
      }
      const octets = pool.slice(used, used + count);
      pool.fill(0, used, used + count);
      used += count;
      return octets;
    },
  };
};
