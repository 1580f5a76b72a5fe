import type { Delays } from '../ports/timers.ts';

/** A wait that something else may end before its time. */
export class Pause {
  readonly #delays: Delays;
  #end: (() => void) | undefined;
  #isEnded = false;

  constructor(delays: Delays) {
    this.#delays = delays;
  }

  /** An `end` from here on ends the next `wait`, even before it begins. */
  begin(): void {
    this.#isEnded = false;
  }

  /** Milliseconds; `Infinity` waits for `end`. Returns at once if `end` was called since `begin`, or if the signal aborted. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isEnded && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#end = resolve;
      const stop = ms === Infinity ? undefined : this.#delays.after(ms, resolve);
      await promise;
      stop?.();
      this.#end = undefined;
    }
  }

  end(): void {
    this.#isEnded = true;
    this.#end?.();
  }
}
