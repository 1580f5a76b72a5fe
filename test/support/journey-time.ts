import type { Timers } from '../../src/ports/timers.ts';
import { type TestClock, testClock } from './ledger.ts';

/** Made-up time for a whole server: its clock, and the work that it does in the background as time goes by. */
export interface TestTime {
  readonly clock: TestClock;
  readonly timers: Timers;
  /** Lets time pass in steps (10 minutes unless told), and all background work run after each. */
  readonly pass: (ms: number, step?: number) => Promise<void>;
}

const STEP = 600_000;

export const testTime = (start?: number): TestTime => {
  const clock = testClock(start);
  const jobs = new Set<() => Promise<void> | void>();
  return {
    clock,
    timers: {
      repeat: (_everyMs, work) => {
        jobs.add(work);
        return () => jobs.delete(work);
      },
    },
    pass: async (ms, step = STEP) => {
      for (let left = ms; left > 0; left -= step) {
        clock.advance(Math.min(step, left));
        for (const work of jobs) await work();
      }
    },
  };
};
