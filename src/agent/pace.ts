import type { Clock } from '../ports/clock.ts';

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 30_000;

/** How fast the agent may ask, in items a second, and how long the server told it to wait. */
export class Pace {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #perSecond: number;
  /** When the bucket is full again, and when the server may be asked again; monotonic milliseconds. */
  #full = 0;
  #pausedUntil = 0;
  /** Nobody answered so often in a row, and is not to be asked again before this; monotonic milliseconds. */
  #failures = 0;
  #retryAt = 0;

  constructor(clock: Pick<Clock, 'monotonic'>, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  /** Takes room for `items` and answers 0, or takes nothing and answers the milliseconds to wait. A second's worth may come at once. */
  take(items: number): number {
    const now = this.#clock.monotonic();
    const until = Math.max(this.#pausedUntil, this.#retryAt);
    if (until > now) return until - now;
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

  /**
   * Nobody answered: the next call comes later, each time twice as late as before, and for all that waits in one. An agent with
   * a thousand entries knocks no more often than one with a single entry. `random` from 0 up to 1.
   */
  failed(random: number): void {
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#retryAt = this.#clock.monotonic() + longest * (1 - random / 2);
  }

  /** The server is there. */
  answered(): void {
    this.#failures = 0;
    this.#retryAt = 0;
  }
}
