import type { Clock } from '../ports/clock.ts';
import { retryPause } from './jitter.ts';

const RETRY = { first: 250, most: 30_000 };

/** When the agent may ask the server: at most so many items a second, not before the server said, and later after failures. */
export class Pace {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #perSecond: number;
  /** When what was taken is earned again, and until when the server asked to wait; monotonic milliseconds. */
  #full = 0;
  #pausedUntil = 0;
  /** How often in a row the server did not answer, and when it may be asked again; monotonic milliseconds. */
  #failures = 0;
  #retryAt = 0;

  constructor(clock: Pick<Clock, 'monotonic'>, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  /** Takes room for `items` and returns 0, or takes none and returns the milliseconds to wait. Lets a second's worth through at once. */
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
   * The server did not answer: the pause before the next call doubles, one for everything that waits, so that an agent with a
   * thousand entries asks no more often than one with a single entry. `random` from 0 up to 1.
   */
  failed(random: number): void {
    this.#failures += 1;
    this.#retryAt = this.#clock.monotonic() + retryPause(RETRY, this.#failures, random);
  }

  /** The server answered: no pause is left. */
  answered(): void {
    this.#failures = 0;
    this.#retryAt = 0;
  }
}
