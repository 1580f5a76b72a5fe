import type { Delays, Timers } from '../../ports/timers.ts';

/** Timers of the runtime. None of them keeps the process alive. */
export const systemTimers: Timers & Delays = {
  repeat(everyMs, work) {
    let stopped = false;
    let timer: NodeJS.Timeout;
    const schedule = (): void => {
      timer = setTimeout(() => void run(), everyMs).unref();
    };
    const run = async (): Promise<void> => {
      await work();
      if (!stopped) schedule();
    };
    schedule();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  },
  after(delayMs, work) {
    const timer = setTimeout(work, delayMs).unref();
    return () => clearTimeout(timer);
  },
};
