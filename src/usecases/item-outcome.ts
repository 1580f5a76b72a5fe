import type { Issued } from '../domain/fact.ts';
import { Refusal } from '../domain/refusal.ts';
import type { Issuer } from './issuer.ts';
import { type DenialSubject, recordDenial } from './record-denial.ts';
import { type LedgerPlace, placeOf } from './x509-issuance.ts';

/** What became of one item of a batch. */
export type ItemOutcome<T> = { readonly value: T } | { readonly refusal: Refusal };

/** An intent to issue, whatever kind of credential it is for. */
export interface Planned<T> {
  readonly issued: Issued;
  finish(place: LedgerPlace): Promise<T>;
}

/** An entry that changes between decision and record is decided again this often; then the caller is asked to come back. */
const ATTEMPTS = 3;

type Recorder = Pick<Issuer, 'clock' | 'entropy' | 'ledger' | 'denials'>;

/**
 * Decides one item, records the intent, signs and releases; or records the denial. `decide` runs again, and is told so, when
 * something that it leaned on has changed meanwhile; `subjectOf` only for a denial. Refusals come back as values; bugs and outages reject.
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
        // Only now, since nearly none is refused: a denial that goes with each intent would cost as much as the intent.
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
