import { createHash } from 'node:crypto';
import type { Instant } from '../domain/instant.ts';
import { parseJsonObject, type JsonObject } from '../formats/json.ts';
import { asInvalidToken, invalidToken } from './invalid-token.ts';
import { MAX_TOKEN_BYTES, type UnverifiedJws } from './jws.ts';

/** JW-08 */
export const MAX_LEEWAY_SECONDS = 60;

export interface TimeOptions {
  readonly now: Instant;
  /** How far clocks may differ: 0 to 60 seconds; 0 unless told. */
  readonly leewaySeconds?: number;
}

/** The claims set of a JWS payload, read strictly (JW-02). */
export const readClaims = (jws: UnverifiedJws): JsonObject =>
  asInvalidToken('the claims', () => parseJsonObject(jws.payload, { maxBytes: MAX_TOKEN_BYTES }));

/** A claim that has to be a string that is not empty. */
export const requireText = (claims: JsonObject, name: string): string => {
  const value = claims[name];
  if (typeof value !== 'string' || value === '') throw invalidToken(`${name} is missing or not a string`);
  return value;
};

export const optionalText = (claims: JsonObject, name: string): string | undefined =>
  claims[name] === undefined ? undefined : requireText(claims, name);

/** A NumericDate. RFC 7519 §2 allows fractions; the strict JSON reader has refused what is not finite. */
const optionalDate = (claims: JsonObject, name: string): number | undefined => {
  const value = claims[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number') throw invalidToken(`${name} is not a number`);
  return value;
};

export interface TokenTimes {
  /** Unix seconds. */
  readonly expiresAt: number;
  readonly issuedAt?: number;
}

/**
 * Checks `exp` (required), `nbf` and `iat` against `now` (JWT-22, JWT-23, JW-08). A token issued in the future is refused
 * like one that is not valid yet.
 */
export const checkTimes = (claims: JsonObject, { now, leewaySeconds = 0 }: TimeOptions): TokenTimes => {
  if (!(leewaySeconds >= 0 && leewaySeconds <= MAX_LEEWAY_SECONDS))
    throw new RangeError('the leeway is 0 to 60 seconds');
  const seconds = now / 1000;
  const expiresAt = optionalDate(claims, 'exp');
  const notBefore = optionalDate(claims, 'nbf');
  const issuedAt = optionalDate(claims, 'iat');
  if (expiresAt === undefined) throw invalidToken('exp is missing');
  if (seconds >= expiresAt + leewaySeconds) throw invalidToken('the token has expired');
  if (notBefore !== undefined && notBefore > seconds + leewaySeconds) throw invalidToken('the token is not valid yet');
  if (issuedAt !== undefined && issuedAt > seconds + leewaySeconds) throw invalidToken('the token is from the future');
  return { expiresAt, ...(issuedAt !== undefined && { issuedAt }) };
};

/** The values of `aud`, as a string or an array of strings (RFC 7519 §4.1.3); refuses anything else, and no value. */
export const readAudience = (claims: JsonObject): readonly string[] => {
  const { aud } = claims;
  const values = typeof aud === 'string' ? [aud] : aud;
  if (!Array.isArray(values) || values.length === 0) throw invalidToken('aud is missing or not a list');
  return values.map((value: unknown) => {
    if (typeof value !== 'string' || value === '') throw invalidToken('aud holds something that is not a string');
    return value;
  });
};

/** `typ` without a slash means `application/…`; media types have no case (JW-04). */
export const isMediaType = (typ: string | undefined, subtype: string): boolean => {
  const lower = typ?.toLowerCase();
  return lower === subtype || lower === `application/${subtype}`;
};

/**
 * What to remember of a token that counts once: base64url of the SHA-256 of what was signed. Not of the whole token:
 * with ECDSA anyone can turn one good signature into a second one.
 */
export const tokenDigest = (jws: UnverifiedJws): string =>
  createHash('sha256').update(jws.signingInput).digest('base64url');
