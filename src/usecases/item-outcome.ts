import type { Denied, Issued } from '../domain/fact.ts';
import { Refusal } from '../domain/refusal.ts';
import type { Append, Appended } from '../ports/ledger.ts';
import type { Issuer } from './issuer.ts';
import { denialOf, type DenialSubject, recordDenial } from './record-denial.ts';
import { committedOr, type LedgerPlace, placeOf } from './x509-issuance.ts';

/** What became of one item of a batch. */
export type ItemOutcome<T> = { readonly value: T } | { readonly refusal: Refusal };

/** An intent to issue, whatever kind of credential it is for. */
export interface Planned<T> {
  readonly issued: Issued;
  finish(place: LedgerPlace): Promise<T>;
}

/** What the sequencer says instead takes the place of both. No Refusal: an error's stack trace costs 15 µs, and this is on every item's path. */
const REFUSED_BY_THE_LEDGER = { code: 'no_identity', reason: undefined, message: 'refused by the ledger' } as const;

/** An entry that changes between decision and record is decided again this often; then the caller is asked to come back. */
const ATTEMPTS = 3;

type Recorder = Pick<Issuer, 'clock' | 'entropy' | 'ledger' | 'denials'>;

const record = (issuer: Recorder, issued: Issued, denial: Denied): Promise<Appended> => {
  const append: Append = { facts: [issued], denial };
  return issuer.ledger.append(append);
};

/**
 * Decides one item, records the intent, signs and releases; or records the denial. `decide` runs again, and is told so, when
 * something that it leaned on has changed meanwhile. Refusals come back as values; bugs and outages reject.
 */
export const issueItem = async <T>(
  issuer: Recorder,
  subject: DenialSubject,
  decide: (again: boolean) => Promise<Planned<T>>,
): Promise<ItemOutcome<T>> => {
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const planned = await decide(attempt > 0);
      const about = { ...subject, spiffeId: planned.issued.spiffeId };
      const denial = denialOf(issuer, about, REFUSED_BY_THE_LEDGER);
      const committed = committedOr(await record(issuer, planned.issued, denial), denial.id);
      if (committed !== 'changed') return { value: await planned.finish(placeOf(committed)) };
    }
    throw new Refusal('busy', 'the entry is changing; try again', { retryAfter: 1 });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.decisionId !== undefined || error.code === 'busy') return { refusal: error };
    return { refusal: await recordDenial(issuer, subject, error) };
  }
};
