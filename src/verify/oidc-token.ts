import type { VerificationKey } from '../formats/jwk-import.ts';
import type { JsonObject } from '../formats/json.ts';
import { invalidToken } from './invalid-token.ts';
import { parseJws, verifyJws } from './jws.ts';
import type { JwsAlgorithm } from './jws-signature.ts';
import {
  checkTimes,
  isMediaType,
  optionalText,
  readAudience,
  readClaims,
  requireText,
  tokenDigest,
  type TimeOptions,
} from './jwt-claims.ts';

export const OIDC_ALGORITHMS: readonly JwsAlgorithm[] = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

export interface VerifyOidcTokenOptions extends TimeOptions {
  /** The configured issuer, compared as bytes. */
  readonly issuer: string;
  /** The value that `aud` has to contain. */
  readonly audience: string;
  /** The issuer's key set, as `importJwks` read it. */
  readonly keys: readonly VerificationKey[];
  /** All of `OIDC_ALGORITHMS` unless told. */
  readonly algorithms?: readonly JwsAlgorithm[];
}

export interface VerifiedOidcToken {
  readonly subject: string;
  readonly audience: readonly string[];
  /** Unix seconds. */
  readonly expiresAt: number;
  readonly issuedAt: number;
  readonly jti?: string;
  readonly claims: JsonObject;
  /** What to remember of it, since evidence counts once (DEC-12, DEC-17). */
  readonly digest: string;
}

/**
 * Verifies a token that a configured OpenID Connect issuer gave a workload: a CI job, a Kubernetes service account, a
 * cloud identity (OpenID Connect Core §3.1.3.7). `iss`, `sub`, `aud`, `exp` and `iat` are required; a `typ` other than
 * `JWT` marks another kind of token and is refused (JW-03). Header members that name or carry keys are ignored (JW-05).
 * Throws `Refusal('invalid_token')`.
 */
export const verifyOidcToken = (token: string, options: VerifyOidcTokenOptions): VerifiedOidcToken => {
  const jws = parseJws(token, { algorithms: options.algorithms ?? OIDC_ALGORITHMS });
  if (jws.typ !== undefined && !isMediaType(jws.typ, 'jwt')) throw invalidToken('the typ is of another kind');
  const claims = readClaims(jws);
  if (requireText(claims, 'iss') !== options.issuer) throw invalidToken('the issuer is another');
  verifyJws(jws, options.keys);
  const audience = readAudience(claims);
  if (!audience.includes(options.audience)) throw invalidToken('the audience is another');
  const { expiresAt, issuedAt } = checkTimes(claims, options);
  if (issuedAt === undefined) throw invalidToken('iat is missing');
  const jti = optionalText(claims, 'jti');
  return {
    subject: requireText(claims, 'sub'),
    audience,
    expiresAt,
    issuedAt,
    ...(jti !== undefined && { jti }),
    claims,
    digest: tokenDigest(jws),
  };
};
