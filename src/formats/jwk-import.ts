import { createPublicKey, type KeyObject } from 'node:crypto';
import { Refusal } from '../domain/refusal.ts';
import { tryDecodeBase64url } from './base64url.ts';
import type { EcJwk, PublicJwk } from './jwk.ts';
import { jwkThumbprint } from './jwk.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { isRocaModulus } from './roca.ts';

/** A public key that may verify signatures, with what its document says of it. */
export interface VerificationKey {
  readonly key: KeyObject;
  readonly jwk: PublicJwk;
  readonly kid?: string;
  /** What the key is for, as its document says; the reader of the document has compared it with what it wants. */
  readonly use?: string;
  /** The only algorithm that the key is for. */
  readonly alg?: string;
}

export interface ImportJwkOptions {
  /** Bits; 8192 unless told. Keys of our own go up to 4096 (DEC-20). */
  readonly maxRsaBits?: number;
  /** Values of `use` that are welcome; a key without `use` always is. `sig` unless told. */
  readonly uses?: readonly string[];
}

export const MIN_RSA_BITS = 2048;
const MAX_FOREIGN_RSA_BITS = 8192;
/** JW-05 */
export const MAX_KID_LENGTH = 256;
/** Octets. OpenSSL refuses longer exponents with large moduli, and they cost time. */
const MAX_EXPONENT_BYTES = 8;

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const COORDINATE_BYTES: Readonly<Record<EcJwk['crv'], number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66 };

const unusable = (reason: string): Refusal =>
  new Refusal('unsupported_key', `the JWK is not acceptable: ${reason}`, { reason });

const octets = (jwk: JsonObject, member: string): Buffer => {
  const text = jwk[member];
  const bytes = typeof text === 'string' ? tryDecodeBase64url(text) : undefined;
  if (bytes === undefined || bytes.length === 0) throw unusable(`${member} is not base64url`);
  return bytes;
};

const optionalString = (jwk: JsonObject, member: string): string | undefined => {
  const value = jwk[member];
  if (value === undefined || typeof value === 'string') return value;
  throw unusable(`${member} is not a string`);
};

const ecJwk = (jwk: JsonObject): EcJwk => {
  const crv = jwk['crv'];
  if (crv !== 'P-256' && crv !== 'P-384' && crv !== 'P-521') throw unusable('its curve is not supported');
  const x = octets(jwk, 'x');
  const y = octets(jwk, 'y');
  if (x.length !== COORDINATE_BYTES[crv] || y.length !== COORDINATE_BYTES[crv]) {
    throw unusable('a coordinate has not the length of the curve');
  }
  return { kty: 'EC', crv, x: x.toString('base64url'), y: y.toString('base64url') };
};

/** The bits of a number without leading zero octets. */
const bitLength = (number: Buffer): number => (number.length - 1) * 8 + (32 - Math.clz32(number[0] ?? 0));

const isEven = (number: Buffer): boolean => ((number.at(-1) ?? 0) & 1) === 0;

const checkRsaNumbers = (n: Buffer, e: Buffer, maxBits: number): void => {
  // RFC 7518 §2: Base64urlUInt has no leading zero octets.
  if (n[0] === 0 || e[0] === 0) throw unusable('a number starts with a zero octet');
  if (bitLength(n) < MIN_RSA_BITS) throw unusable(`RSA keys have at least ${MIN_RSA_BITS} bits`);
  if (bitLength(n) > maxBits) throw unusable(`RSA keys have at most ${maxBits} bits`);
  if (isEven(n)) throw unusable('its modulus is even');
  if (isEven(e) || (e.length === 1 && (e[0] ?? 0) < 3)) throw unusable('its exponent is even or below 3');
  if (e.length > MAX_EXPONENT_BYTES) throw unusable('its exponent is too long');
  if (isRocaModulus(n)) throw unusable('its modulus comes from a broken generator (CVE-2017-15361)');
};

const publicMembers = (jwk: JsonObject, maxRsaBits: number): PublicJwk => {
  switch (jwk['kty']) {
    case 'EC':
      return ecJwk(jwk);
    case 'RSA': {
      const n = octets(jwk, 'n');
      const e = octets(jwk, 'e');
      checkRsaNumbers(n, e, maxRsaBits);
      return { kty: 'RSA', n: n.toString('base64url'), e: e.toString('base64url') };
    }
    case 'OKP': {
      const x = octets(jwk, 'x');
      if (jwk['crv'] !== 'Ed25519' || x.length !== 32) throw unusable('its curve is not supported');
      return { kty: 'OKP', crv: 'Ed25519', x: x.toString('base64url') };
    }
    default:
      throw unusable('its kty is not supported');
  }
};

const checkPurpose = (jwk: JsonObject, uses: readonly string[]): void => {
  const use = optionalString(jwk, 'use');
  if (use !== undefined && !uses.includes(use)) throw unusable('its use is another');
  const operations = jwk['key_ops'];
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    throw unusable('its key_ops do not hold verify');
  }
};

/** OpenSSL is the one who says whether the point lies on the curve. */
const keyObject = (jwk: PublicJwk): KeyObject => {
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' });
  } catch {
    throw unusable('it is no point of its curve');
  }
};

/**
 * Takes a public key from a JWK (JK-09, JW-06). Refuses with `unsupported_key`: private or secret members, unknown types
 * and curves, coordinates of another length or off the curve, RSA below 2048 or above the limit, even or tiny
 * exponents, moduli of a broken generator, another `use`, `key_ops` without `verify`, a `kid` that is no short string.
 */
export const importJwk = (jwk: JsonObject, options: ImportJwkOptions = {}): VerificationKey => {
  if (PRIVATE_MEMBERS.some((member) => jwk[member] !== undefined)) throw unusable('it holds private members');
  checkPurpose(jwk, options.uses ?? ['sig']);
  const kid = optionalString(jwk, 'kid');
  if (kid !== undefined && kid.length > MAX_KID_LENGTH) throw unusable('its kid is too long');
  const use = optionalString(jwk, 'use');
  const alg = optionalString(jwk, 'alg');
  const members = publicMembers(jwk, options.maxRsaBits ?? MAX_FOREIGN_RSA_BITS);
  return {
    key: keyObject(members),
    jwk: members,
    ...(kid !== undefined && { kid }),
    ...(use !== undefined && { use }),
    ...(alg !== undefined && { alg }),
  };
};

/** More keys than any issuer has need of; each may cost a signature check when a token has no `kid`. */
export const MAX_KEYS = 100;

/** Keeps one of two entries for the same key, and refuses one `kid` for two keys: it would not say which one is meant. */
export const withoutDuplicates = (keys: readonly VerificationKey[]): readonly VerificationKey[] => {
  const seen = new Map<string, string>();
  return keys.filter(({ kid, jwk }) => {
    if (kid === undefined) return true;
    const thumbprint = jwkThumbprint(jwk);
    const earlier = seen.get(kid);
    if (earlier !== undefined && earlier !== thumbprint) throw unusable('one kid names two keys');
    seen.set(kid, thumbprint);
    return earlier === undefined;
  });
};

const importUsable = (value: JsonValue, options: ImportJwkOptions): readonly VerificationKey[] => {
  try {
    return isJsonObject(value) ? [importJwk(value, options)] : [];
  } catch (error) {
    if (error instanceof Refusal) return [];
    throw error;
  }
};

/**
 * The usable keys of a JWK Set; keys that `importJwk` refuses are left out, as RFC 7517 §5 wants it. Refuses a set
 * without `keys`, with more than 100, or with one `kid` for two keys.
 */
export const importJwks = (set: JsonObject, options: ImportJwkOptions = {}): readonly VerificationKey[] => {
  const { keys } = set;
  if (!Array.isArray(keys)) throw unusable('the set has no keys');
  if (keys.length > MAX_KEYS) throw unusable(`the set has more than ${MAX_KEYS} keys`);
  return withoutDuplicates(keys.flatMap((value: JsonValue) => importUsable(value, options)));
};
