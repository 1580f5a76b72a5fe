import { Refusal } from '../domain/refusal.ts';
import { parseSpiffeId, pathOf, trustDomainOf, type SpiffeId } from '../domain/spiffe-id.ts';
import type { TrustDomain } from '../domain/trust-domain.ts';
import type { VerificationKey } from '../formats/jwk-import.ts';
import type { JsonObject } from '../formats/json.ts';
import { asInvalidToken, invalidToken } from './invalid-token.ts';
import { parseJws, verifyJws, type UnverifiedJws } from './jws.ts';
import type { JwsAlgorithm } from './jws-signature.ts';
import {
  checkTimes,
  optionalText,
  readAudience,
  readClaims,
  requireText,
  tokenDigest,
  type TimeOptions,
} from './jwt-claims.ts';

/** JWT-3: no EdDSA, no MAC, no `none`. */
const ALGORITHMS: readonly JwsAlgorithm[] = [
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
];

/** JWT-2 */
const HEADER_MEMBERS = ['alg', 'kid', 'typ'];

export interface VerifyJwtSvidOptions extends TimeOptions {
  /** The `jwt-svid` keys of a trust domain's bundle; nothing when it is not trusted. */
  readonly bundles: (trustDomain: TrustDomain) => readonly VerificationKey[] | undefined;
  /** The values that the verifier goes by; the token has to name one of them (JWT-21, JWT-27). */
  readonly audiences: readonly string[];
}

export interface VerifiedJwtSvid {
  readonly spiffeId: SpiffeId;
  readonly audience: readonly string[];
  /** Unix seconds. */
  readonly expiresAt: number;
  readonly issuedAt?: number;
  readonly jti?: string;
  readonly kid?: string;
  readonly claims: JsonObject;
  /** What to remember of it, when it may be used once only. */
  readonly digest: string;
}

const subjectOf = (claims: JsonObject): SpiffeId => {
  const sub = requireText(claims, 'sub');
  const id = asInvalidToken('sub', () => parseSpiffeId(sub));
  if (pathOf(id) === '') throw invalidToken('sub: the SPIFFE ID has no path');
  return id;
};

/** JWT-25, JWT-26: a key whose document says another `use` verifies nothing here. */
const trustedKeys = (bundle: readonly VerificationKey[] | undefined): readonly VerificationKey[] => {
  const keys = bundle?.filter(({ use }) => use === undefined || use === 'jwt-svid') ?? [];
  if (keys.length === 0) throw invalidToken('no JWT bundle for the trust domain');
  return keys;
};

/** A JWT-SVID in its parts. Nothing of it is proven: not who signed it, nor whether it is still good. */
export interface PresentedJwtSvid {
  readonly jws: UnverifiedJws;
  readonly claims: JsonObject;
  readonly spiffeId: SpiffeId;
}

/** Takes a JWT-SVID apart. Throws `Refusal('invalid_token')` for another algorithm, shape, `typ` or subject (JWT-1 … JWT-10). */
export const readJwtSvid = (token: string): PresentedJwtSvid => {
  const jws = parseJws(token, { algorithms: ALGORITHMS, headerMembers: HEADER_MEMBERS });
  if (jws.typ !== undefined && jws.typ !== 'JWT' && jws.typ !== 'JOSE')
    throw invalidToken('the typ is of another kind');
  const claims = readClaims(jws);
  return { jws, claims, spiffeId: subjectOf(claims) };
};

/**
 * Verifies a JWT-SVID (JWT-SVID §4; JWT-20 … JWT-28): algorithm, shape, `typ`, subject, key of the subject's own trust
 * domain, signature, audience, no `cnf`, times. Throws `Refusal('invalid_token')`; `invalid_request` when the verifier names no
 * audience. It does not ask whether the identity was revoked.
 */
export const verifyJwtSvid = (token: string, options: VerifyJwtSvidOptions): VerifiedJwtSvid => {
  if (options.audiences.length === 0) throw new Refusal('invalid_request', 'name at least one audience');
  const { jws, claims, spiffeId } = readJwtSvid(token);
  verifyJws(jws, trustedKeys(options.bundles(trustDomainOf(spiffeId))));
  const audience = readAudience(claims);
  if (!audience.some((value) => options.audiences.includes(value))) throw invalidToken('the audience is another');
  // A token bound to a key is not a bearer token, and nobody here asks for that key.
  if (claims['cnf'] !== undefined) throw invalidToken('the token is bound to a key');
  const times = checkTimes(claims, options);
  const jti = optionalText(claims, 'jti');
  return {
    spiffeId,
    audience,
    ...times,
    ...(jti !== undefined && { jti }),
    ...(jws.kid !== undefined && { kid: jws.kid }),
    claims,
    digest: tokenDigest(jws),
  };
};
