import { Refusal } from '../../domain/refusal.ts';
import type { RequestCost } from './request-cost.ts';

/**
 * What a request is to a server that is behind: `ordinary` work is turned away first, `reserved` (SVIDs for workloads) has
 * more room, `renewal` (one's own SVID) the most; `always` (probes) is never turned away.
 */
export type AdmissionKind = 'ordinary' | 'reserved' | 'renewal' | 'always';

export interface AdmissionOptions {
  /** Requests at work at once in one front end, at the very most. */
  readonly most: number;
  /** How many it takes however slow it is: fewer would be turned away by a short burst. */
  readonly least: number;
  /** Between these two: as many as the event loop works off in this time. Whoever is turned away waits about as long. */
  readonly backlogMs: number;
}

export const DEFAULT_ADMISSION: AdmissionOptions = { most: 1024, least: 112, backlogMs: 105 };

/**
 * Of the room that there is. What it is follows the cost of requests, and may shrink by a third from one moment to the next:
 * renewals fit even then.
 */
const SHARE: Readonly<Record<Exclude<AdmissionKind, 'always'>, number>> = {
  ordinary: 0.45,
  reserved: 0.6,
  renewal: 1,
};

/**
 * A few ordinary requests are let in although others take all their room: whoever asks beside a fleet that comes back is not what
 * makes the server slow, and would be turned away for as long as that takes. Which part of the room they may take, and how full it
 * may be then.
 */
const FEW = 0.1;
const FULL = 0.9;

const RETRY_AFTER_SECONDS = 1;

export const busyRefusal = (): Refusal =>
  new Refusal('busy', 'the server is full', { retryAfter: RETRY_AFTER_SECONDS });

/**
 * Counts the requests at work, and turns new ones away before any signature work when the server is behind (AS-08): a request
 * that would be answered too late is refused at once, so that others are answered in time. What keeps running workloads
 * alive has room of its own, so that a storm of attestations cannot starve renewals (design.md §10).
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #cost: RequestCost | undefined;
  #inFlight = 0;
  #ordinary = 0;

  /** Without `cost` the room is always the most. */
  constructor(options: AdmissionOptions = DEFAULT_ADMISSION, cost?: RequestCost) {
    this.#options = options;
    this.#cost = cost;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Whether a request of this kind would be let in now. */
  hasRoom(kind: AdmissionKind): boolean {
    if (kind === 'always') return true;
    const room = this.#room();
    if (this.#inFlight < room * SHARE[kind]) return true;
    return kind === 'ordinary' && this.#ordinary < Math.floor(room * FEW) && this.#inFlight < room * FULL;
  }

  /** Takes a place, to be given back with `leave`. Throws `Refusal('busy')` when there is none of this kind. */
  enter(kind: AdmissionKind): void {
    if (!this.hasRoom(kind)) throw busyRefusal();
    this.#inFlight += 1;
    if (kind === 'ordinary') this.#ordinary += 1;
  }

  /** Gives back a place that was taken for a request of this kind. */
  leave(kind: AdmissionKind): void {
    this.#inFlight -= 1;
    if (kind === 'ordinary') this.#ordinary -= 1;
    this.#cost?.finished();
  }

  #room(): number {
    const { most, least, backlogMs } = this.#options;
    if (this.#cost === undefined) return most;
    return Math.min(most, Math.max(least, backlogMs / this.#cost.milliseconds));
  }
}
