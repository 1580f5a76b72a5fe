import { hash } from 'node:crypto';
import type { AccessTokenClaims } from '../domain/access-token.ts';
import type { Cursor } from '../domain/cursor.ts';
import type { CredentialKind, Issued } from '../domain/fact.ts';
import type { JwtSvidClaims } from '../domain/jwt-profile.ts';
import type { RecordId } from '../domain/record-id.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import { accessTokenHeader, assembleJws, jwsSigningInput, jwtSvidHeader } from '../formats/jwt.ts';
import { checkIssuedJws } from '../verify/issued-jws.ts';
import type { Issuer } from './issuer.ts';
import type { Planned } from './planned.ts';
import { checkRelease } from './check-release.ts';
import type { JwtKey } from './signing-keys.ts';

export interface IssuedJwt {
  readonly id: RecordId;
  readonly spiffeId: SpiffeId;
  readonly token: string;
  /** Unix seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Where its intent is on record. */
  readonly ledger: Cursor;
}

/** Who the token is for and what the decision leaned on; the rest of the fact follows from the claims. */
export type JwtIntent = Pick<Issued, 'role' | 'entry' | 'agent' | 'attestation' | 'leans' | 'spends'>;

const KINDS = {
  'jwt-svid': { header: jwtSvidHeader, typ: 'JWT' },
  'access-token': { header: accessTokenHeader, typ: 'at+jwt' },
} as const satisfies Partial<Record<CredentialKind, unknown>>;

const intentOf = (
  credential: keyof typeof KINDS,
  claims: JwtSvidClaims | AccessTokenClaims,
  key: JwtKey,
  digest: string,
  intent: JwtIntent,
): Issued => ({
  ...intent,
  kind: 'issued',
  id: claims.jti,
  credential,
  spiffeId: claims.sub,
  digest,
  algorithm: key.authority.algorithm,
  authority: key.authority.id,
  notBefore: claims.iat,
  notAfter: claims.exp,
  audience: typeof claims.aud === 'string' ? [claims.aud] : claims.aud,
  ...('scope' in claims && typeof claims.scope === 'string' && { scope: claims.scope.split(' ') }),
  leans: { ...intent.leans, authority: key.authority.id },
});

/** Plans one signed token: writes the signing input and the fact that holds its digest. Signs nothing. */
export const planJwt = (
  issuer: Pick<Issuer, 'follower'>,
  credential: keyof typeof KINDS,
  key: JwtKey,
  claims: JwtSvidClaims | AccessTokenClaims,
  intent: JwtIntent,
): Planned<IssuedJwt> => {
  const { header, typ } = KINDS[credential];
  const algorithm = key.authority.algorithm;
  const input = jwsSigningInput(header({ keyId: key.authority.id, algorithm }), claims);
  const issued = intentOf(credential, claims, key, hash('sha256', input, 'hex'), intent);
  return {
    issued,
    finish: async (ledger) => {
      const token = assembleJws(input, await key.signer.sign(Buffer.from(input, 'ascii')));
      checkIssuedJws(token, {
        algorithm,
        keyId: key.authority.id,
        typ,
        publicKey: key.signer.publicKey,
        digest: issued.digest,
        subject: claims.sub,
        jti: claims.jti,
        expiresAt: claims.exp,
      });
      checkRelease(issuer, issued, ledger.index);
      return { id: claims.jti, spiffeId: claims.sub, token, issuedAt: claims.iat, expiresAt: claims.exp, ledger };
    },
  };
};
