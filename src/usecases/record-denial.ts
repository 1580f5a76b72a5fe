import type { Denied } from '../domain/fact.ts';
import { newRecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import type { Issuer } from './issuer.ts';

/** What a denial is about, as far as it was known when the request was refused. */
export type DenialSubject = Omit<Denied, 'kind' | 'id' | 'code' | 'reason'>;

type Recorder = Pick<Issuer, 'clock' | 'entropy' | 'ledger' | 'denials'>;

/** How many characters of what a caller asked for a denial keeps. */
const MAX_ASKED = 512;

/** As much of a caller's text as a denial keeps, well formed: the cut may halve a surrogate pair, which cannot be recorded. */
export const askedText = (text: string): string => text.slice(0, MAX_ASKED).toWellFormed();

/** The `denied` fact for a refusal. */
export const denialOf = (
  issuer: Pick<Issuer, 'clock' | 'entropy'>,
  subject: DenialSubject,
  refusal: Pick<Refusal, 'code' | 'reason' | 'message'>,
): Denied => ({
  ...subject,
  kind: 'denied',
  id: newRecordId(issuer.clock.now(), issuer.entropy),
  code: refusal.code,
  reason: refusal.reason ?? refusal.message,
});

/** The same refusal, naming the decision on record; `reason` and `detail` stay as they are. */
export const withDecision = (refusal: Refusal, decisionId: string): Refusal =>
  new Refusal(refusal.code, refusal.message, {
    decisionId,
    ...(refusal.reason !== undefined && { reason: refusal.reason }),
    ...(refusal.retryAfter !== undefined && { retryAfter: refusal.retryAfter }),
    ...(refusal.field !== undefined && { field: refusal.field }),
    ...(refusal.problems.length > 0 && { problems: refusal.problems }),
  });

/**
 * Puts a refusal on record and returns it with its decision id, to be thrown (P1, DEC-5). Above the rate of its source it
 * is only counted, and `flushDenials` records it together with others; then it has no decision id.
 */
export const recordDenial = async (issuer: Recorder, subject: DenialSubject, refusal: Refusal): Promise<Refusal> => {
  const denial = denialOf(issuer, subject, refusal);
  if (!issuer.denials.admit(denial, issuer.clock.now())) return refusal;
  await issuer.ledger.append({ facts: [denial] });
  return withDecision(refusal, denial.id);
};

/**
 * Records what `DenialLimit` counted. Runs in the background and once more at shutdown. When the ledger takes no write, it
 * throws as the ledger did, and nothing that was counted is lost.
 */
export const flushDenials = async (issuer: Recorder): Promise<void> => {
  const facts = issuer.denials.drain(issuer.clock.now());
  for (const [at, fact] of facts.entries()) {
    try {
      await issuer.ledger.append({ facts: [fact] });
    } catch (error) {
      issuer.denials.putBack(facts.slice(at), issuer.clock.now());
      throw error;
    }
  }
};
