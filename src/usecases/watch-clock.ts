import type { Clock } from '../ports/clock.ts';

/** Wall and elapsed time may drift apart by this much between two checks (DEC-9). Milliseconds. */
const TOLERANCE_MS = 60_000;

/**
 * Notices a wall clock that was set while the server ran. From then on rotation and purge stop and the server is not
 * ready, until the clock is set back or an operator accepts it by a restart. No step is accepted by itself, however long
 * it lasts: who can set the clock could otherwise have keys retired and records purged. A machine that slept is no step.
 */
export class ClockWatch {
  readonly #clock: Clock;
  /** Wall minus elapsed time at the last check: slow correction by a time service is followed, only a step counts. */
  #offset: number;
  #jump = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offset = this.#read();
  }

  /** Seconds by which the clock jumped and has not come back; 0 when all is well. */
  check(): number {
    const offset = this.#read();
    const step = offset - this.#offset;
    this.#offset = offset;
    if (Math.abs(step) > TOLERANCE_MS) this.#jump += step;
    if (Math.abs(this.#jump) <= TOLERANCE_MS) this.#jump = 0;
    return Math.round(this.#jump / 1000);
  }

  /** Wall minus elapsed time. */
  #read(): number {
    const elapsed = this.#clock.sinceBoot?.() ?? this.#clock.monotonic();
    return this.#clock.now() - elapsed;
  }
}
