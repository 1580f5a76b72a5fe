import { uptime } from 'node:os';
import { instant } from '../../domain/instant.ts';
import type { Clock } from '../../ports/clock.ts';

const monotonic = (): number => {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
};

const READ_EVERY_MS = 100;
const NEVER = { monotonic: -Infinity, wall: 0, sinceBoot: 0 };
let read = NEVER;

/**
 * The runtime reads it from a file, which costs 10 µs. So for a moment it is worked out, unless the wall clock went another way than
 * the one that stands still in a sleep.
 */
const sinceBoot = (): number => {
  const now = monotonic();
  const wall = Date.now();
  const passed = now - read.monotonic;
  const slept = wall - read.wall - passed;
  const workedOut = read.sinceBoot + passed;
  if (passed < READ_EVERY_MS && Math.abs(slept) < READ_EVERY_MS) return workedOut;
  // Its hundredths of a second are cut off: it must not seem to go back.
  const known = read === NEVER ? 0 : workedOut;
  read = { monotonic: now, wall, sinceBoot: Math.max(known, uptime() * 1000) };
  return read.sinceBoot;
};

/**
 * The machine's clocks. `monotonic` counts from the same start in every thread of the machine, which
 * `performance.now()` does not: limits that threads share depend on it.
 */
export const systemClock: Clock = {
  now: () => instant(Date.now()),
  monotonic,
  // Elsewhere it is worked out of the wall clock.
  ...(process.platform === 'linux' && { sinceBoot }),
};
