import { unixSeconds, type Instant } from './instant.ts';
import type { RecordId } from './record-id.ts';
import { Refusal } from './refusal.ts';
import type { SpiffeId } from './spiffe-id.ts';

/** The key that a token is bound to: exactly one method (AT-06). */
export type Confirmation = { readonly 'x5t#S256': string };

/** The claims of an access token after RFC 9068 (AT-01 … AT-06). Times are whole Unix seconds. */
export interface AccessTokenClaims {
  readonly iss: string;
  readonly sub: SpiffeId;
  readonly client_id: string;
  /** One audience a token, hence no array (AT-04, DEC-47). */
  readonly aud: string;
  readonly exp: number;
  readonly iat: number;
  readonly jti: RecordId;
  /** Space-delimited; absent when no scope was granted. */
  readonly scope?: string;
  readonly cnf?: Confirmation;
  /** The resource's fixed claims. */
  readonly [extra: string]: unknown;
}

export const MIN_ACCESS_TOKEN_TTL_SECONDS = 30;
/** CC-22: the hard cap. */
export const MAX_ACCESS_TOKEN_TTL_SECONDS = 3600;

/** Claims with a meaning of their own: a resource's fixed claims must not set them (AT-01, RFC 7519 §4.1, RFC 8693 §4). */
const RESERVED_CLAIMS: ReadonlySet<string> = new Set(
  (
    'iss sub aud exp nbf iat jti client_id scope cnf act may_act status auth_time acr amr azp sid events txn ' +
    'authorization_details roles groups entitlements __proto__'
  ).split(' '),
);

/** Says what is wrong with a resource's fixed claims, or nothing when tokens may carry them. */
export const extraClaimsProblem = (claims: Readonly<Record<string, unknown>>): string | undefined => {
  const reserved = Object.keys(claims).find((name) => RESERVED_CLAIMS.has(name) || name === '');
  return reserved === undefined ? undefined : `the claim "${reserved}" cannot be set by a resource`;
};

const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** Whether a text is one scope (RFC 6749 §3.3, CC-10). */
export const isScopeToken = (text: string): boolean => SCOPE_TOKEN.test(text);

export interface AccessTokenRequest {
  readonly issuer: string;
  readonly subject: SpiffeId;
  /** The subject unless the client is registered under another identifier (AT-03). */
  readonly clientId?: string;
  readonly audience: string;
  readonly scopes: readonly string[];
  readonly confirmation?: Confirmation;
  readonly extraClaims?: Readonly<Record<string, string | number | boolean>>;
  readonly jti: RecordId;
  readonly now: Instant;
  /** Seconds: what policy allows; cut to one hour. */
  readonly ttl: number;
  /** Unix seconds at which the credential that the caller showed ends (CC-22). */
  readonly callerNotAfter: number;
  /** Unix seconds at which the signing key's life ends. */
  readonly keyNotAfter: number;
}

const checkOwnRules = (request: AccessTokenRequest): void => {
  if (!Number.isSafeInteger(request.ttl) || request.ttl < 1) throw new RangeError('a TTL is at least one second');
  const problem = extraClaimsProblem(request.extraClaims ?? {});
  if (problem !== undefined) throw new RangeError(problem);
  if (!request.scopes.every(isScopeToken)) throw new RangeError('a scope holds no space, quote or backslash');
  if (request.audience === '') throw new RangeError('an audience is not empty');
};

const expiry = (request: AccessTokenRequest, iat: number): number => {
  if (request.callerNotAfter <= iat) {
    throw new Refusal('unauthenticated', 'the credential has expired', {
      reason: "the caller's credential has expired",
    });
  }
  if (request.keyNotAfter <= iat) {
    throw new Refusal('unavailable', 'no key can sign now', { reason: 'the access token key is past its life' });
  }
  const ttl = Math.min(request.ttl, MAX_ACCESS_TOKEN_TTL_SECONDS);
  return Math.min(iat + ttl, request.callerNotAfter, request.keyNotAfter);
};

/**
 * The claims of an access token. It ends with the first of: the TTL, one hour, the caller's own credential, the signing
 * key (CC-22). Refuses with `unauthenticated` or `unavailable` when one of the last two has no second left; scopes,
 * audience and extra claims were checked when they were written, so a wrong one is a bug and throws RangeError.
 */
export const planAccessToken = (request: AccessTokenRequest): AccessTokenClaims => {
  checkOwnRules(request);
  const iat = unixSeconds(request.now);
  return {
    ...request.extraClaims,
    iss: request.issuer,
    sub: request.subject,
    client_id: request.clientId ?? request.subject,
    aud: request.audience,
    exp: expiry(request, iat),
    iat,
    jti: request.jti,
    ...(request.scopes.length > 0 && { scope: request.scopes.join(' ') }),
    ...(request.confirmation !== undefined && { cnf: request.confirmation }),
  };
};
