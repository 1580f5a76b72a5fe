import { Refusal } from '../domain/refusal.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import { type BackOff, pauseAfter } from './jitter.ts';

export const ASKING: BackOff = { least: 100, first: 500, most: 60_000 };
/** For an agent whose authority is gone: until it has a new SVID, nobody accepts it or its workloads. */
export const HURRIED: BackOff = { least: 20, first: 100, most: 60_000 };
/** For failures that only an operator can end: asking goes on slowly, to find out when that happened. */
export const WAITING: BackOff = { least: 30_000, first: 60_000, most: 60_000 };

/** When the server may be asked again for the agent's own identity. */
export class Attempts {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #entropy: Entropy;
  /** Monotonic milliseconds. */
  #waitUntil = 0;
  #failures = 0;
  /** How many SVIDs in a row were not accepted. */
  #refusals = 0;

  constructor({ clock, entropy }: { readonly clock: Pick<Clock, 'monotonic'>; readonly entropy: Entropy }) {
    this.#clock = clock;
    this.#entropy = entropy;
  }

  get isDue(): boolean {
    return this.#clock.monotonic() >= this.#waitUntil;
  }

  /** An attempt failed: the next one is after a pause, and not before the server's `Retry-After`. */
  failed(backOff: BackOff, error: unknown): void {
    this.#failures += 1;
    this.#wait(backOff, this.#failures, error instanceof Refusal ? error.retryAfter : undefined);
  }

  /** The server does not accept the SVID that it issued. The first time another is asked for at once, then after pauses. */
  refused(): void {
    if (this.#refusals > 0) this.#wait(ASKING, this.#refusals);
    this.#refusals += 1;
  }

  /** The server accepts the SVID: earlier failures do not count any more. */
  accepted(): void {
    this.#failures = 0;
    this.#refusals = 0;
  }

  /** An attempt brought an SVID. */
  succeeded(): void {
    this.#failures = 0;
    this.hurry();
  }

  /** The next one may be at once. */
  hurry(): void {
    this.#waitUntil = 0;
  }

  #wait(backOff: BackOff, failures: number, retryAfter?: number): void {
    this.#waitUntil = this.#clock.monotonic() + pauseAfter(this.#entropy, backOff, failures, retryAfter);
  }
}
