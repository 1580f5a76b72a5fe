import { Refusal } from '../domain/refusal.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { TrustDomain } from '../domain/trust-domain.ts';
import { importJwks, type VerificationKey } from '../formats/jwk-import.ts';
import { parseJsonObject, type JsonObject } from '../formats/json.ts';
import { readAudience } from '../verify/jwt-claims.ts';
import { readJwtSvid } from '../verify/jwt-svid.ts';
import { WorkloadError } from './errors.ts';
import type { BundlesResponse, JwtSvidResponse } from './wire.ts';
import { bundleEntries, reading } from './x509-context.ts';

/** A JWT-SVID of this process. Times in Unix seconds. */
export interface JwtSvid {
  readonly spiffeId: SpiffeId;
  readonly token: string;
  readonly hint?: string;
  readonly audience: readonly string[];
  readonly expiresAt: number;
  readonly issuedAt?: number;
}

/** The keys that sign the JWT-SVIDs of one trust domain, and of nobody else. */
export interface JwtBundle {
  readonly trustDomain: TrustDomain;
  readonly keys: readonly VerificationKey[];
  /** The JWK Set as the agent sent it. */
  readonly keySet: string;
}

const MAX_KEY_SET_BYTES = 1024 * 1024;

const malformed = (reason: string): WorkloadError =>
  new WorkloadError('malformed_response', `the agent's answer cannot be used: ${reason}`);

const readJwtBundle = (trustDomain: TrustDomain, bytes: Buffer): JwtBundle =>
  reading(`the JWT bundle of ${trustDomain}`, () => {
    const set = parseJsonObject(bytes, { maxBytes: MAX_KEY_SET_BYTES });
    return { trustDomain, keys: importJwks(set, { uses: ['jwt-svid'] }), keySet: bytes.toString('utf8') };
  });

/**
 * Reads a message of `FetchJWTBundles`. Keys that cannot be used are left out, as RFC 7517 §5 wants it; refuses with
 * `malformed_response` a message without any bundle, and one with a bundle that is no JWK Set.
 */
export const readJwtBundles = ({ bundles }: BundlesResponse): ReadonlyMap<TrustDomain, JwtBundle> => {
  const entries = bundleEntries(bundles);
  if (entries.size === 0) throw malformed('no bundle');
  return new Map([...entries].map(([trustDomain, bytes]) => [trustDomain, readJwtBundle(trustDomain, bytes)]));
};

const seconds = (claims: JsonObject, name: string): number | undefined => {
  const value = claims[name];
  return typeof value === 'number' ? value : undefined;
};

const readSvid = (
  { spiffeId: named, svid: token, hint }: JwtSvidResponse['svids'][number],
  wanted: readonly string[],
): JwtSvid => {
  // A signature proves nothing here: whoever answers on the socket also says which keys are good.
  const { claims, spiffeId } = readJwtSvid(token);
  const audience = readAudience(claims);
  const expiresAt = seconds(claims, 'exp');
  const issuedAt = seconds(claims, 'iat');
  if (spiffeId !== named) throw malformed('the ID beside a token is not its subject');
  if (!wanted.every((value) => audience.includes(value))) throw malformed('a token for another audience');
  if (expiresAt === undefined) throw malformed('a token without an end');
  return {
    spiffeId,
    token,
    audience,
    expiresAt,
    ...(issuedAt !== undefined && { issuedAt }),
    ...(hint !== '' && { hint }),
  };
};

/**
 * Reads an answer of `FetchJWTSVID` to a request for `audience`. Refuses it with `malformed_response`: no token, a token of
 * another subject than it is said to be of, one that lacks an audience that was asked for.
 */
export const readJwtSvids = ({ svids }: JwtSvidResponse, audience: readonly string[]): readonly JwtSvid[] => {
  if (svids.length === 0) throw malformed('no JWT-SVID');
  return svids.map((svid) => reading('a JWT-SVID', () => readSvid(svid, audience)));
};

/** Runs a check of a token; what it refuses is `invalid_token`. */
export const judging = <Value>(judge: () => Value): Value => {
  try {
    return judge();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new WorkloadError('invalid_token', `the JWT-SVID is not good: ${error.reason ?? error.message}`, {
      cause: error,
    });
  }
};
