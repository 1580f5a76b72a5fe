import type { KeyId } from '../domain/authority.ts';
import { unixSeconds } from '../domain/instant.ts';
import { type Revocation, revocationSubject } from '../domain/revocation.ts';
import type { CredentialRow } from '../ports/views.ts';
import type { Issuer } from './issuer.ts';

/** `revoked` wins over `expired`: a revoked credential stays so after its end. */
export type CredentialState = 'valid' | 'revoked' | 'expired' | 'superseded';

export interface CredentialStatus {
  readonly state: CredentialState;
  /** The revocation that ended it, if one did. */
  readonly revocation?: Revocation;
  /** The authority that signed it was revoked, or that authority's root. */
  readonly authorityRevoked?: true;
}

/** Whether an authority was revoked: itself, or the root that signed it (DEC-23). */
export const isAuthorityRevoked = ({ follower }: Pick<Issuer, 'follower'>, id: KeyId): boolean => {
  const authority = follower.authority(id);
  if (authority?.issuer !== undefined && follower.authority(authority.issuer)?.state === 'revoked') return true;
  return authority?.state === 'revoked';
};

/** A certificate is good through its last second (RFC 5280 §4.1.2.5), a token only before it (RFC 7519 §4.1.4). */
const hasEnded = ({ credential, notAfter }: CredentialRow, seconds: number): boolean =>
  credential === 'x509-svid' ? notAfter < seconds : notAfter <= seconds;

/** How a recorded credential stands now. The follower is brought up to date first (P2). */
export const credentialStatus = (issuer: Pick<Issuer, 'clock' | 'follower'>, row: CredentialRow): CredentialStatus => {
  issuer.follower.refresh();
  const revocation = issuer.follower.revocations.killing(revocationSubject(row), row.index);
  if (revocation) return { state: 'revoked', revocation };
  if (isAuthorityRevoked(issuer, row.authority)) return { state: 'revoked', authorityRevoked: true };
  if (hasEnded(row, unixSeconds(issuer.clock.now()))) return { state: 'expired' };
  return { state: row.superseded ? 'superseded' : 'valid' };
};
