import type { Instant } from '../domain/instant.ts';

/** Two different questions: what time is it (may jump), and how long did it take (never goes back). */
export interface Clock {
  /** Wall time. Validity of credentials uses this. */
  now(): Instant;
  /** Milliseconds since an arbitrary start, never decreasing. */
  monotonic(): number;
  /** As `monotonic`, and the time that the machine slept counts; absent where that is not known. For rare questions. */
  sinceBoot?(): number;
}
