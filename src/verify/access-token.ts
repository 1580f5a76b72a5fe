import { Refusal } from '../domain/refusal.ts';
import type { VerificationKey } from '../formats/jwk-import.ts';
import { isJsonObject, type JsonObject } from '../formats/json.ts';
import { invalidToken } from './invalid-token.ts';
import { parseJws, verifyJws } from './jws.ts';
import type { JwsAlgorithm } from './jws-signature.ts';
import { checkTimes, isMediaType, readAudience, readClaims, requireText, type TimeOptions } from './jwt-claims.ts';

/** What the presenter proved to hold. */
export interface Presenter {
  /** `x5t#S256` of the client certificate of this connection. */
  readonly certificateThumbprint?: string;
  /** Accept a token that is bound to no key (DEC-30); otherwise it is refused. */
  readonly acceptsBearer?: boolean;
}

export interface VerifyAccessTokenOptions extends TimeOptions {
  readonly issuer: string;
  /** The identifier of this resource, compared as bytes. */
  readonly audience: string;
  /** The issuer's keys. */
  readonly keys: readonly VerificationKey[];
  /** ES256 and RS256 unless told. */
  readonly algorithms?: readonly JwsAlgorithm[];
  /** `unchecked` is for those who only ask whether a token is good, and let nobody in on it. */
  readonly presenter: Presenter | 'unchecked';
  /** Scopes that the operation needs, all of them. */
  readonly requiredScopes?: readonly string[];
}

export interface VerifiedAccessToken {
  readonly subject: string;
  readonly clientId: string;
  readonly jti: string;
  readonly scopes: readonly string[];
  /** Unix seconds. */
  readonly expiresAt: number;
  readonly issuedAt: number;
  /** The certificate that the token is bound to. */
  readonly certificateThumbprint?: string;
  readonly claims: JsonObject;
}

const HEADER_MEMBERS = ['alg', 'kid', 'typ'];

/** AT-06: one method or none. A method that we cannot check must not pass for a bearer token. */
const boundCertificate = (claims: JsonObject): string | undefined => {
  const { cnf } = claims;
  if (cnf === undefined) return undefined;
  const thumbprint = isJsonObject(cnf) && Object.keys(cnf).length === 1 ? cnf['x5t#S256'] : undefined;
  if (typeof thumbprint !== 'string' || thumbprint === '')
    throw invalidToken('the cnf is not one certificate thumbprint');
  return thumbprint;
};

const checkPresenter = (bound: string | undefined, presenter: Presenter | 'unchecked'): void => {
  if (presenter === 'unchecked') return;
  if (bound === undefined) {
    if (presenter.acceptsBearer !== true) throw invalidToken('the token is not bound to a key');
  } else if (presenter.certificateThumbprint !== bound) {
    throw invalidToken('the token is bound to another certificate');
  }
};

const readScopes = (claims: JsonObject): readonly string[] => {
  const { scope } = claims;
  if (scope === undefined) return [];
  if (typeof scope !== 'string') throw invalidToken('scope is not a string');
  return scope.split(' ').filter((name) => name !== '');
};

const checkScopes = (held: readonly string[], required: readonly string[]): void => {
  const missing = required.find((name) => !held.includes(name));
  if (missing === undefined) return;
  throw new Refusal('forbidden', 'the token lacks a scope', { reason: 'the token is good but lacks a required scope' });
};

/**
 * Verifies an access token of ours in the order of AT-08: shape, `typ`, algorithm, key by `kid`, signature, issuer,
 * audience, times, holder, scope. Throws `Refusal('invalid_token')`; `forbidden` when only the scope is missing
 * (RFC 6750 §3.1 tells them apart). It does not ask whether the token or its subject was revoked.
 */
export const verifyAccessToken = (token: string, options: VerifyAccessTokenOptions): VerifiedAccessToken => {
  const jws = parseJws(token, { algorithms: options.algorithms ?? ['ES256', 'RS256'], headerMembers: HEADER_MEMBERS });
  if (!isMediaType(jws.typ, 'at+jwt')) throw invalidToken('the typ is not that of an access token');
  if (jws.kid === undefined) throw invalidToken('the kid is missing');
  verifyJws(jws, options.keys);
  const claims = readClaims(jws);
  if (requireText(claims, 'iss') !== options.issuer) throw invalidToken('the issuer is another');
  if (!readAudience(claims).includes(options.audience)) throw invalidToken('the audience is another');
  const { expiresAt, issuedAt } = checkTimes(claims, options);
  if (issuedAt === undefined) throw invalidToken('iat is missing');
  const certificateThumbprint = boundCertificate(claims);
  checkPresenter(certificateThumbprint, options.presenter);
  const verified = {
    subject: requireText(claims, 'sub'),
    clientId: requireText(claims, 'client_id'),
    jti: requireText(claims, 'jti'),
    scopes: readScopes(claims),
    expiresAt,
    issuedAt,
    ...(certificateThumbprint !== undefined && { certificateThumbprint }),
    claims,
  };
  checkScopes(verified.scopes, options.requiredScopes ?? []);
  return verified;
};
