import { unixSeconds } from '../domain/instant.ts';
import type { AttestationRow, CredentialRow } from '../ports/views.ts';
import type { Issuer } from './issuer.ts';

type Reader = Pick<Issuer, 'views' | 'clock' | 'policy'>;

/** How an agent's own identity stands. Times in Unix seconds. */
export interface AgentLife {
  /** Its newest SVID, expired or not. */
  readonly newest?: CredentialRow;
  /** Until when its node key brings it back (DEC-13); absent without one. */
  readonly returnsUntil?: number;
  /** Neither SVID nor node key is good any more: only new evidence makes it an agent again. */
  readonly isDead: boolean;
  /** Its SVID should have been renewed by now. */
  readonly isPastRenewal: boolean;
}

/** Renewal falls at half of the life at the latest (DEC-36); a tenth of the life later something is wrong. */
const RENEWED_BY = 0.6;

/** What is on record of an agent's SVIDs and node key. */
export const agentLife = ({ views, clock, policy }: Reader, row: AttestationRow): AgentLife => {
  const now = unixSeconds(clock.now());
  const newest = views.credentials.newestOf(row.spiffeId);
  const returnsUntil =
    row.nodeKey === undefined ? undefined : Math.max(row.renewUntil, (newest?.notAfter ?? 0) + policy.nodeKeyLife);
  const renewBy = newest && newest.notBefore + (newest.notAfter - newest.notBefore) * RENEWED_BY;
  return {
    ...(newest && { newest }),
    ...(returnsUntil !== undefined && { returnsUntil }),
    isDead: (newest?.notAfter ?? 0) <= now && (returnsUntil ?? 0) <= now,
    isPastRenewal: renewBy === undefined || now >= renewBy,
  };
};
