import { Refusal } from '../domain/refusal.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import { type BackOff, pauseAfter } from './jitter.ts';

export const ASKING: BackOff = { least: 100, first: 500, most: 60_000 };
/** Meanwhile nobody takes what the agent and its workloads show. */
export const HURRIED: BackOff = { least: 20, first: 100, most: 60_000 };
/** What only an operator can change is asked for slowly, so that the change is found. */
export const WAITING: BackOff = { least: 30_000, first: 60_000, most: 60_000 };

/** When the server may be asked again for the agent's own identity. */
export class Attempts {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #entropy: Entropy;
  /** Monotonic milliseconds. */
  #waitUntil = 0;
  #failures = 0;
  /** How many were refused since one was accepted. */
  #refusals = 0;

  constructor({ clock, entropy }: { readonly clock: Pick<Clock, 'monotonic'>; readonly entropy: Entropy }) {
    this.#clock = clock;
    this.#entropy = entropy;
  }

  get isDue(): boolean {
    return this.#clock.monotonic() >= this.#waitUntil;
  }

  /** One came to nothing: no further one before a pause, or before the time that the server named. */
  failed(backOff: BackOff, error: unknown): void {
    this.#failures += 1;
    this.#wait(backOff, this.#failures, error instanceof Refusal ? error.retryAfter : undefined);
  }

  /** What one brought is not taken: a server that gives SVIDs and takes none is not to be asked for more at once. */
  refused(): void {
    if (this.#refusals > 0) this.#wait(ASKING, this.#refusals);
    this.#refusals += 1;
  }

  /** What one brought is taken: what was before counts no more. */
  accepted(): void {
    this.#failures = 0;
    this.#refusals = 0;
  }

  /** One brought an SVID. */
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
