import { systemEntropy } from '../adapters/system/entropy.ts';
import { CHANCE_BYTES, numberBetween } from '../domain/chance.ts';
import type { WorkloadError } from './errors.ts';

/** Milliseconds before the first try again, by what went wrong: an identity takes longer to come than an agent. */
const FIRST_DELAY = { no_identity: 1000, other: 200 };
const MAX_DELAY = 10_000;

const entropy = systemEntropy();

/** Doubles with each failure, and half of it is left to chance, so that callers of one agent do not come back together. */
export const retryDelay = (problem: WorkloadError, failures: number): number => {
  const first = problem.code === 'no_identity' ? FIRST_DELAY.no_identity : FIRST_DELAY.other;
  const delay = Math.min(MAX_DELAY, first * 2 ** Math.min(failures, 16));
  return numberBetween(entropy.bytes(CHANCE_BYTES), delay / 2, delay);
};
