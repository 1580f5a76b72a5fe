/** A moment of wall time, in whole milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number & { readonly __brand: 'Instant' };

export const instant = (ms: number): Instant => {
  if (!Number.isSafeInteger(ms)) throw new RangeError('an instant is a whole number of milliseconds');
  return ms as Instant;
};

/** So many milliseconds before, rounded down. */
export const earlier = (at: Instant, milliseconds: number): Instant => instant(Math.floor(at - milliseconds));

/** Whole seconds, rounded down: the unit of X.509 validity and of JWT NumericDate. */
export const unixSeconds = (at: Instant): number => Math.floor(at / 1000);
