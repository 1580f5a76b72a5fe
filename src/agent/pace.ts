import type { Clock } from '../ports/clock.ts';

/** How fast the agent may ask, in items a second, and how long the server told it to wait. */
export class Pace {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #perSecond: number;
  /** When the bucket is full again, and when the server may be asked again; monotonic milliseconds. */
  #full = 0;
  #pausedUntil = 0;

  constructor(clock: Pick<Clock, 'monotonic'>, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  /** Takes room for `items` and answers 0, or takes nothing and answers the milliseconds to wait. A second's worth may come at once. */
  take(items: number): number {
    const now = this.#clock.monotonic();
    if (this.#pausedUntil > now) return this.#pausedUntil - now;
    const from = Math.max(this.#full, now);
    const full = from + (items * 1000) / this.#perSecond;
    if (from > now && full - now > 1000) return full - now - 1000;
    this.#full = full;
    return 0;
  }

  /** Seconds, as `Retry-After` says. */
  pause(seconds: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.monotonic() + seconds * 1000);
  }
}
