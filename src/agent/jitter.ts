import { CHANCE_BYTES, numberBetween } from '../domain/chance.ts';
import type { Entropy } from '../ports/entropy.ts';

/** A random number that is at least `low` and less than `high`. */
export const between = (entropy: Entropy, low: number, high: number): number =>
  numberBetween(entropy.bytes(CHANCE_BYTES), low, high);

export interface BackOff {
  /** Milliseconds: no pause is shorter. */
  readonly least: number;
  /** The longest that the first pause may be; the limit of each further one is twice that of the one before. */
  readonly first: number;
  /** No pause is longer. */
  readonly most: number;
}

/** Milliseconds: the longest pause after `failures` in a row (from 1 on). */
export const longestPause = ({ first, most }: Pick<BackOff, 'first' | 'most'>, failures: number): number =>
  Math.min(most, first * 2 ** Math.min(failures - 1, 20));

/** Milliseconds to wait after `failures` in a row (from 1 on): half of the longest pause to all of it; `random` from 0 up to 1. */
export const retryPause = (limits: Pick<BackOff, 'first' | 'most'>, failures: number, random: number): number =>
  longestPause(limits, failures) * (1 - random / 2);

/**
 * Milliseconds to wait after `failures` in a row (from 1 on), spread over the whole range, so that many who failed at once do
 * not come back at once. `retryAfter`, in seconds, is waited for in any case, and what is added to it is spread, too.
 */
export const pauseAfter = (entropy: Entropy, backOff: BackOff, failures: number, retryAfter?: number): number => {
  const longest = longestPause(backOff, failures);
  const pause = between(entropy, Math.min(backOff.least, longest), longest);
  if (retryAfter === undefined) return pause;
  const asked = retryAfter * 1000;
  return Math.max(pause, between(entropy, asked, asked + Math.max(1000, asked / 2)));
};
