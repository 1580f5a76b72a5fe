import { sign } from 'node:crypto';
import { planAccessToken, type AccessTokenRequest } from '../../src/domain/access-token.ts';
import type { KeyId, SigningAlgorithm } from '../../src/domain/authority.ts';
import { instant } from '../../src/domain/instant.ts';
import { planJwtSvid, type JwtSvidRequest } from '../../src/domain/jwt-profile.ts';
import { parseRecordId } from '../../src/domain/record-id.ts';
import { parseSpiffeId } from '../../src/domain/spiffe-id.ts';
import { accessTokenHeader, assembleJws, jwsSigningInput, jwtSvidHeader } from '../../src/formats/jwt.ts';
import type { TestKey } from './jwt-keys.ts';

/** The moment at which the tokens below are made: 2026-11-22T12:00:00Z. */
export const NOW_SECONDS = 1_795_348_800;
export const NOW = instant(NOW_SECONDS * 1000);
export const JWT_SVID_ISSUER = 'https://id.example.org';
export const TOKEN_ISSUER = 'https://id.example.org/oauth2';
export const AUDIENCE = 'https://api.example.org';
export const WORKLOAD = parseSpiffeId('spiffe://example.org/db');

const JTI = parseRecordId('01a2058c3e0000000000000000000001');

const signWith = (key: TestKey, signingInput: string): string => {
  const hash = `sha${key.alg.slice(2)}`;
  const signature = sign(hash, Buffer.from(signingInput), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  return assembleJws(signingInput, signature);
};

const signingKey = (key: TestKey): { keyId: KeyId; algorithm: SigningAlgorithm } => ({
  keyId: key.kid as KeyId,
  algorithm: key.alg as SigningAlgorithm,
});

/** A JWT-SVID as the product makes it. */
export const ourJwtSvid = (key: TestKey, change: Partial<JwtSvidRequest> = {}): string => {
  const claims = planJwtSvid({
    spiffeId: WORKLOAD,
    audiences: [AUDIENCE],
    issuer: JWT_SVID_ISSUER,
    jti: JTI,
    now: NOW,
    ttl: 300,
    keyNotAfter: NOW_SECONDS + 86_400,
    ...change,
  });
  return signWith(key, jwsSigningInput(jwtSvidHeader(signingKey(key)), claims));
};

/** An access token as the product makes it. */
export const ourAccessToken = (key: TestKey, change: Partial<AccessTokenRequest> = {}): string => {
  const claims = planAccessToken({
    issuer: TOKEN_ISSUER,
    subject: WORKLOAD,
    audience: AUDIENCE,
    scopes: ['read', 'write'],
    jti: JTI,
    now: NOW,
    ttl: 300,
    callerNotAfter: NOW_SECONDS + 3600,
    keyNotAfter: NOW_SECONDS + 86_400,
    ...change,
  });
  return signWith(key, jwsSigningInput(accessTokenHeader(signingKey(key)), claims));
};
