import type { Issued } from '../domain/fact.ts';
import { Refusal } from '../domain/refusal.ts';
import { revocationSubject } from '../domain/revocation.ts';
import type { Issuer } from './issuer.ts';

/**
 * The last look before bytes leave (DEC-4): a revocation that was committed between the intent and its signature keeps
 * the credential in. Refuses with `revoked`; the intent stays on record, signed but never delivered.
 */
export const checkRelease = (issuer: Pick<Issuer, 'follower'>, issued: Issued, index: number): void => {
  issuer.follower.refresh();
  const subject = revocationSubject(issued);
  const revocation =
    issuer.follower.revocations.killing(subject, index) ?? issuer.follower.revocations.barring(subject);
  if (revocation) {
    throw new Refusal('revoked', 'the identity was revoked', {
      reason: `revocation ${revocation.id} came before release`,
      decisionId: issued.id,
    });
  }
};
