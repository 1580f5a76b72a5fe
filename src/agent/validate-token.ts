import type { Instant } from '../domain/instant.ts';
import { Refusal } from '../domain/refusal.ts';
import type { RevocationIndex } from '../domain/revocation.ts';
import type { TrustDomain } from '../domain/trust-domain.ts';
import { trustDomainOf } from '../domain/spiffe-id.ts';
import { invalidToken } from '../verify/invalid-token.ts';
import { verifyJwtSvid } from '../verify/jwt-svid.ts';
import type { ReadTrustBundle } from './trust-bundles.ts';
import type { ValidatedToken } from './workload-session.ts';

export interface TokenValidation {
  readonly audience: string;
  readonly token: string;
  readonly now: Instant;
  readonly own: ReadTrustBundle;
  /** Those that the caller may see. */
  readonly federated: readonly ReadTrustBundle[];
  readonly revocations: Pick<RevocationIndex, 'barring'>;
}

/** Seconds by which the clocks of server and agent may differ. */
const LEEWAY = 5;

/** Of foreign trust domains workloads learn nothing but these (WLAPI-46). */
const FOREIGN_CLAIMS = ['sub', 'exp'];

const checkAudience = (audience: string): void => {
  if (audience === '') throw new Refusal('invalid_request', 'name the audience', { field: 'audience' });
};

/**
 * ValidateJWTSVID (WLAPI-45, WLAPI-46): by the bundles that the caller may see. Refuses with `invalid_request` an empty audience,
 * with `invalid_token`, whose text says why (WLAPI-47), any token that JWT-SVID §4 refuses, and one whose identity stands
 * revoked as far as this agent knows: it is told of identities of its own node only.
 */
export const validateToken = (validation: TokenValidation): ValidatedToken => {
  const { audience, token, now, own, federated, revocations } = validation;
  checkAudience(audience);
  const bundles = (trustDomain: TrustDomain) =>
    [own, ...federated].find((bundle) => bundle.trustDomain === trustDomain)?.verificationKeys;
  try {
    const verified = verifyJwtSvid(token, { bundles, audiences: [audience], now, leewaySeconds: LEEWAY });
    const { spiffeId, claims, jti } = verified;
    if (revocations.barring({ spiffeId, ...(jti !== undefined && { credential: jti }) })) {
      throw invalidToken('the identity is revoked');
    }
    const isOwn = trustDomainOf(spiffeId) === own.trustDomain;
    const shown = isOwn ? claims : Object.fromEntries(FOREIGN_CLAIMS.map((name) => [name, claims[name]]));
    return { spiffeId, claims: { ...shown, aud: verified.audience } };
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'invalid_token') throw error;
    // The caller may know why: it is the one who checks (WLAPI-47).
    throw new Refusal('invalid_token', `the JWT-SVID is not valid: ${error.reason ?? 'it is malformed'}`);
  }
};
