import { Refusal } from '../domain/refusal.ts';
import type { Issuer } from './issuer.ts';
import { type Planned, placeOf } from './planned.ts';
import { type DenialSubject, recordDenial } from './record-denial.ts';

/** What became of one item of a batch. */
export type ItemOutcome<T> = { readonly value: T } | { readonly refusal: Refusal };

/** How often an item is decided whose entry keeps changing; then the caller is asked to come back. */
const ATTEMPTS = 3;

type Recorder = Pick<Issuer, 'clock' | 'entropy' | 'ledger' | 'denials'>;

/**
 * Decides one item, records the intent, signs and releases; or records the denial, for which alone `subjectOf` is called.
 * When something that the decision leaned on has changed before it was on record, `decide` runs again, with `again` set.
 * A refusal comes back as a value; bugs and outages reject.
 */
export const issueItem = async <T>(
  issuer: Recorder,
  subjectOf: () => DenialSubject,
  decide: (again: boolean) => Promise<Planned<T>>,
): Promise<ItemOutcome<T>> => {
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const planned = await decide(attempt > 0);
      const { issued } = planned;
      const appended = await issuer.ledger.append({ facts: [issued] });
      if (appended.status === 'committed') return { value: await planned.finish(placeOf(appended)) };
      if (appended.status === 'refused') {
        const refusal = new Refusal(appended.code, 'the request was refused', { reason: appended.reason });
        // Made only now: a denial handed over with each intent would cost as much as the intent, and nearly none is refused.
        return { refusal: await recordDenial(issuer, { ...subjectOf(), spiffeId: issued.spiffeId }, refusal) };
      }
    }
    throw new Refusal('busy', 'the entry is changing; try again', { retryAfter: 1 });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.decisionId !== undefined || error.code === 'busy') return { refusal: error };
    return { refusal: await recordDenial(issuer, subjectOf(), error) };
  }
};
