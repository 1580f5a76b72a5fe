import { Refusal } from '../../domain/refusal.ts';
import type { Route } from './route.ts';

export interface AdmissionOptions {
  /** Requests at work at once in one front end. */
  readonly capacity: number;
  /** How many of them are kept for renewals. */
  readonly reserved: number;
}

const DEFAULT_ADMISSION: AdmissionOptions = { capacity: 1024, reserved: 256 };

const RETRY_AFTER_SECONDS = 1;

/**
 * Counts the requests at work, and turns new ones away before any signature work when there are too many (AS-08). What keeps
 * running workloads alive has room of its own, so that a storm of attestations cannot starve renewals (design.md §10).
 */
export class Admission {
  readonly #capacity: number;
  readonly #ordinary: number;
  #inFlight = 0;

  constructor(options: AdmissionOptions = DEFAULT_ADMISSION) {
    this.#capacity = options.capacity;
    this.#ordinary = options.capacity - options.reserved;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Takes a place, to be given back with `leave`. Throws `Refusal('busy')` when there is none of this kind. */
  enter(kind: NonNullable<Route['admission']>): void {
    const room = kind === 'ordinary' ? this.#ordinary : this.#capacity;
    if (kind !== 'always' && this.#inFlight >= room) {
      throw new Refusal('busy', 'the server is full', { retryAfter: RETRY_AFTER_SECONDS });
    }
    this.#inFlight += 1;
  }

  leave(): void {
    this.#inFlight -= 1;
  }
}
