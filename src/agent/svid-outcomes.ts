import { Refusal } from '../domain/refusal.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import { acceptSvid, basisOf } from './held-svid.ts';
import type { SvidOutcome } from './request-svids.ts';
import { isStale, type StalenessParts } from './stale-svid.ts';
import type { SvidSlot } from './svid-slot.ts';

export interface SvidOutcomesParts extends StalenessParts {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The codes of DEC-14 that say: this entry is not for this agent, or revoked. */
const FINAL_CODES: readonly string[] = ['no_identity', 'revoked'];

/** What comes of asking for an SVID: it is held if it is good, and if there is none, the next attempt is put off. */
export class SvidOutcomes {
  readonly #parts: SvidOutcomesParts;
  /** From 0 up to 1. */
  readonly #random: () => number;

  constructor(parts: SvidOutcomesParts, random: () => number) {
    this.#parts = parts;
    this.#random = random;
  }

  settle(slot: SvidSlot, outcome: SvidOutcome): void {
    slot.isAsked = false;
    if ('issued' in outcome) this.#accept(slot, outcome);
    else if ('refused' in outcome) this.#refuse(slot, outcome.refused);
    else this.#retryLater(slot, outcome.failed);
  }

  #accept(slot: SvidSlot, outcome: Extract<SvidOutcome, { issued: unknown }>): void {
    const { view, inForce, bundles, clock } = this.#parts;
    const entry = inForce.entry(slot.id);
    const { basis = '', agent } = slot.askedAs ?? {};
    const bundle = view.bundle && bundles.of(view.bundle);
    // Nobody wants it any more; the plan for the slot says what is next.
    if (!entry || !agent || !bundle) return;
    try {
      const held = acceptSvid({ entry, basis, agent, at: clock.now(), anchors: bundle.anchors, ...outcome });
      if (!inForce.isAlive(held)) throw new Refusal('invalid_svid', 'the SVID was dead when it came');
      slot.hold(held, this.#random());
      // What changed meanwhile is asked for at once; what the server makes out of date, not without end.
      const isAnswer = basis === basisOf(entry) && slot.wasAskedUnder(view.bundle);
      if (isAnswer && isStale(this.#parts, held, entry)) slot.fail(clock.now(), this.#random());
      else slot.clear();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#retryLater(slot, error);
    }
  }

  #refuse(slot: SvidSlot, code: string): void {
    if (!FINAL_CODES.includes(code)) {
      this.#retryLater(slot, new Refusal('unavailable', `the server refused with ${code}`));
      return;
    }
    // Something was told meanwhile, and the refusal may be of before it.
    if (slot.askedAs?.cursor !== this.#parts.view.cursor) {
      slot.clear();
      return;
    }
    this.#parts.logger.warn('the server gives no SVID for an entry', { entry: slot.id, code });
    slot.refuse(this.#parts.clock.now(), this.#random());
  }

  #retryLater(slot: SvidSlot, error: unknown): void {
    if (slot.wasAskedUnder(this.#parts.view.bundle)) slot.fail(this.#parts.clock.now(), this.#random());
    else slot.clear();
    const reason = error instanceof Refusal ? (error.reason ?? error.message) : 'an unexpected error';
    this.#parts.logger.debug('no SVID for an entry yet', { entry: slot.id, reason });
  }
}
