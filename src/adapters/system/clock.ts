import { uptime } from 'node:os';
import { instant } from '../../domain/instant.ts';
import type { Clock } from '../../ports/clock.ts';

/**
 * The machine's clocks. `monotonic` counts from the same start in every thread of the machine, which
 * `performance.now()` does not: limits that threads share depend on it.
 */
export const systemClock: Clock = {
  now: () => instant(Date.now()),
  monotonic: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1000 + nanoseconds / 1e6;
  },
  // Elsewhere it is worked out of the wall clock.
  ...(process.platform === 'linux' && { sinceBoot: () => uptime() * 1000 }),
};
