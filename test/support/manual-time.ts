import type { Delays } from '../../src/ports/timers.ts';
import { testClock, type TestClock } from './ledger.ts';

/** A clock that stands still until told, and timers that run by it. */
export interface ManualTime {
  readonly clock: TestClock;
  readonly delays: Delays;
  /** Lets time pass, and runs what becomes due, in order, each at its own moment. */
  readonly pass: (ms: number) => void;
  /** How many timers wait. */
  readonly waiting: () => number;
}

export const manualTime = (clock: TestClock = testClock()): ManualTime => {
  const timers = new Set<{ readonly at: number; readonly work: () => void }>();
  return {
    clock,
    delays: {
      after: (ms, work) => {
        const timer = { at: clock.monotonic() + ms, work };
        timers.add(timer);
        return () => timers.delete(timer);
      },
    },
    pass: (ms) => {
      const end = clock.monotonic() + ms;
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
        if (next === undefined) break;
        timers.delete(next);
        clock.advance(Math.max(0, next.at - clock.monotonic()));
        next.work();
      }
      clock.advance(end - clock.monotonic());
    },
    waiting: () => timers.size,
  };
};

/** Lets everything go on that is under way, until `isTrue`; at most so many turns of the event loop. */
export const eventually = async (isTrue: () => boolean, turns = 200_000): Promise<void> => {
  for (let turn = 0; turn < turns; turn += 1) {
    if (isTrue()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('it did not come about');
};
