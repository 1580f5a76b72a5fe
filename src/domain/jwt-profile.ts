import { unixSeconds, type Instant } from './instant.ts';
import { isWholeBetween } from './problems.ts';
import type { RecordId } from './record-id.ts';
import { Refusal } from './refusal.ts';
import { pathOf, type SpiffeId } from './spiffe-id.ts';

/** The claims of a JWT-SVID of ours (JWT-10 … JWT-15). Times are whole Unix seconds; `aud` is always an array (DEC-32). */
export interface JwtSvidClaims {
  readonly sub: SpiffeId;
  readonly aud: readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly jti: RecordId;
  /** Absent without a public URL (DEC-29). */
  readonly iss?: string;
}

export const MIN_JWT_SVID_TTL_SECONDS = 30;
export const MAX_JWT_SVID_TTL_SECONDS = 86_400;

/** JWT-16: verifiers exist that refuse more. */
const MAX_AUDIENCES = 32;
/** Octets of all audiences together, as JSON: even with the longest SPIFFE ID, the token still fits every verifier of ours. */
const MAX_AUDIENCES_BYTES = 6144;
/** Octets of one audience: room for the longest SPIFFE ID. */
export const MAX_AUDIENCE_BYTES = 2048;

/** Says what is wrong with the TTL of a JWT-SVID in seconds, or nothing when it is within bounds. */
export const jwtSvidTtlProblem = (seconds: number, most = MAX_JWT_SVID_TTL_SECONDS): string | undefined =>
  isWholeBetween(seconds, MIN_JWT_SVID_TTL_SECONDS, most)
    ? undefined
    : `the TTL of a JWT-SVID is ${MIN_JWT_SVID_TTL_SECONDS} to ${most} seconds`;

/** Says what is wrong with one audience, or nothing when it may stand in `aud`. */
export const audienceProblem = (audience: string): string | undefined => {
  if (audience === '') return 'an audience is not empty';
  if (!audience.isWellFormed() || /\p{Cc}/u.test(audience)) return 'an audience holds no control characters';
  return Buffer.byteLength(audience) > MAX_AUDIENCE_BYTES
    ? `an audience has at most ${MAX_AUDIENCE_BYTES} bytes`
    : undefined;
};

/**
 * Checks the audiences that a JWT-SVID is asked for: 1 to 32 of them, none twice (JWT-11, JWT-16). Gives them back in
 * the caller's order. Throws `Refusal('invalid_request')`.
 */
export const checkAudiences = (audiences: readonly string[], field = 'audience'): readonly string[] => {
  const refuse = (problem: string): never => {
    throw new Refusal('invalid_request', problem, { field });
  };
  if (audiences.length === 0) return refuse('name at least one audience');
  if (audiences.length > MAX_AUDIENCES) return refuse(`a JWT-SVID has at most ${MAX_AUDIENCES} audiences`);
  const several = audiences.length > 1;
  if (several && new Set(audiences).size !== audiences.length) return refuse('an audience stands twice');
  for (const audience of audiences) {
    const problem = audienceProblem(audience);
    if (problem !== undefined) return refuse(problem);
  }
  // One audience alone cannot be too long: it holds no control characters, and JSON escapes any other in two octets.
  if (several && Buffer.byteLength(JSON.stringify(audiences)) > MAX_AUDIENCES_BYTES) {
    return refuse('the audiences are too long');
  }
  return audiences;
};

export interface JwtSvidRequest {
  readonly spiffeId: SpiffeId;
  readonly audiences: readonly string[];
  readonly issuer?: string;
  readonly jti: RecordId;
  readonly now: Instant;
  /** Seconds. */
  readonly ttl: number;
  /** Unix seconds at which the signing key's life ends: no token outlives it (design.md §6). */
  readonly keyNotAfter: number;
}

/**
 * The claims of a JWT-SVID, valid from `now` rounded down to a second. Refuses an ID without a path (JWT-24), audiences
 * as `checkAudiences` does, and with `unavailable` when the signing key has no second left. A TTL out of bounds is a bug
 * of the caller and throws RangeError.
 */
export const planJwtSvid = (request: JwtSvidRequest): JwtSvidClaims => {
  const problem = jwtSvidTtlProblem(request.ttl);
  if (problem !== undefined) throw new RangeError(problem);
  if (pathOf(request.spiffeId) === '') {
    throw new Refusal('invalid_request', 'the SPIFFE ID of a JWT-SVID has a path', { field: 'spiffeId' });
  }
  const iat = unixSeconds(request.now);
  const exp = Math.min(iat + request.ttl, request.keyNotAfter);
  if (exp <= iat) throw new Refusal('unavailable', 'no key can sign now', { reason: 'the JWT key is past its life' });
  return {
    sub: request.spiffeId,
    aud: checkAudiences(request.audiences),
    exp,
    iat,
    jti: request.jti,
    ...(request.issuer !== undefined && { iss: request.issuer }),
  };
};
