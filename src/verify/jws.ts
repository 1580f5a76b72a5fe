import { tryDecodeBase64url } from '../formats/base64url.ts';
import { MAX_KID_LENGTH, type VerificationKey } from '../formats/jwk-import.ts';
import { parseJsonObject, type JsonObject } from '../formats/json.ts';
import { asInvalidToken, invalidToken } from './invalid-token.ts';
import { fitsAlgorithm, verifySignature, type JwsAlgorithm } from './jws-signature.ts';

/** Octets of a whole token; what is longer is not looked at. */
export const MAX_TOKEN_BYTES = 16 * 1024;
/** Octets of a decoded header. */
const MAX_HEADER_BYTES = 4096;

export interface JwsOptions {
  /** Compared with case (JW-01). */
  readonly algorithms: readonly JwsAlgorithm[];
  /** The only members that the header may have; any, if left out. None but `alg` and `kid` ever chooses a key (JW-05). */
  readonly headerMembers?: readonly string[];
}

/** A token in its parts; nothing of it is proven yet. */
export interface UnverifiedJws {
  readonly algorithm: JwsAlgorithm;
  readonly kid?: string;
  readonly typ?: string;
  readonly header: JsonObject;
  readonly payload: Buffer;
  readonly signingInput: string;
  readonly signature: Buffer;
}

const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+$/;

const decodePart = (text: string, what: string): Buffer => {
  const bytes = tryDecodeBase64url(text);
  if (bytes === undefined) throw invalidToken(`the ${what} is not canonical base64url`);
  return bytes;
};

const optionalText = (header: JsonObject, name: string): string | undefined => {
  const value = header[name];
  if (value === undefined || typeof value === 'string') return value;
  throw invalidToken(`the header's ${name} is not a string`);
};

const checkAlgorithm = (header: JsonObject, allowed: readonly JwsAlgorithm[]): JwsAlgorithm => {
  const algorithm = allowed.find((name) => name === header['alg']);
  if (algorithm === undefined) throw invalidToken('the algorithm is not allowed');
  return algorithm;
};

/** We know no extension, so that every `crit` names one we do not know, or is malformed (RFC 7515 §4.1.11, JWT-23). */
const checkExtensions = (header: JsonObject): void => {
  if (header['crit'] !== undefined) throw invalidToken('the header has critical extensions');
  if (header['b64'] !== undefined && header['b64'] !== true)
    throw invalidToken('the payload is said not to be encoded');
};

const checkMembers = (header: JsonObject, allowed: readonly string[] | undefined): void => {
  if (allowed !== undefined && !Object.keys(header).every((name) => allowed.includes(name))) {
    throw invalidToken('the header has members that this kind of token does not have');
  }
};

const readHeader = (text: string): JsonObject => {
  if (text.length > Math.ceil((MAX_HEADER_BYTES * 4) / 3)) throw invalidToken('the header is too long');
  const bytes = decodePart(text, 'header');
  return asInvalidToken('the header', () => parseJsonObject(bytes, { maxBytes: MAX_HEADER_BYTES }));
};

/**
 * Takes a compact JWS apart (JW-02). Refuses with `invalid_token`, in this order: too long; other characters or another
 * number of dots (so JWE and JSON forms); a header that is not strict JSON; an algorithm that is not allowed; `crit`,
 * `b64: false`, members that do not belong; an unreadable `kid` or `typ`; a payload or signature that is not canonical.
 * `jku`, `x5u`, `jwk` and `x5c` mean nothing here.
 */
export const parseJws = (token: string, options: JwsOptions): UnverifiedJws => {
  if (token.length > MAX_TOKEN_BYTES) throw invalidToken('the token is too long');
  if (!COMPACT.test(token)) throw invalidToken('the token is not a compact JWS');
  const headerEnd = token.indexOf('.');
  const payloadEnd = token.lastIndexOf('.');
  const header = readHeader(token.slice(0, headerEnd));
  const algorithm = checkAlgorithm(header, options.algorithms);
  checkExtensions(header);
  checkMembers(header, options.headerMembers);
  const kid = optionalText(header, 'kid');
  if (kid !== undefined && kid.length > MAX_KID_LENGTH) throw invalidToken('the kid is too long');
  const typ = optionalText(header, 'typ');
  return {
    algorithm,
    header,
    payload: decodePart(token.slice(headerEnd + 1, payloadEnd), 'payload'),
    signingInput: token.slice(0, payloadEnd),
    signature: decodePart(token.slice(payloadEnd + 1), 'signature'),
    ...(kid !== undefined && { kid }),
    ...(typ !== undefined && { typ }),
  };
};

/** The keys that may have signed: those with the token's `kid`, or all of them if it has none (JWT-25). */
const candidates = (jws: UnverifiedJws, keys: readonly VerificationKey[]): readonly VerificationKey[] => {
  const named = jws.kid === undefined ? keys : keys.filter(({ kid }) => kid === jws.kid);
  if (named.length === 0) throw invalidToken('no key with this kid');
  const fitting = named.filter((key) => fitsAlgorithm(key, jws.algorithm));
  if (fitting.length === 0) throw invalidToken('the algorithm does not fit the key');
  return fitting;
};

/** Finds the key that signed. Refuses with `invalid_token` when none of `keys` did. */
export const verifyJws = (jws: UnverifiedJws, keys: readonly VerificationKey[]): VerificationKey => {
  const signer = candidates(jws, keys).find((key) =>
    verifySignature(jws.algorithm, key, jws.signingInput, jws.signature),
  );
  if (signer === undefined) throw invalidToken('the signature is wrong');
  return signer;
};
