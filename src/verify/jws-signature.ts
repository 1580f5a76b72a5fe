import { constants, verify, type KeyObject } from 'node:crypto';
import { ecdsaP1363ToDer } from '../formats/ecdsa-signature.ts';
import type { VerificationKey } from '../formats/jwk-import.ts';
import type { PublicJwk } from '../formats/jwk.ts';

/** Signature algorithms of tokens (RFC 7518 §3.1, RFC 9864). `none` and MACs are not in the type at all (JW-02). */
export type JwsAlgorithm =
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'Ed25519';

interface Scheme {
  /** What a fitting key says of itself: its curve, or RSA. */
  readonly key: 'RSA' | 'P-256' | 'P-384' | 'P-521' | 'Ed25519';
  /** Octets; a signature of RSA is as long as the modulus, which OpenSSL checks. */
  readonly signatureBytes?: number;
  readonly verify: (data: Buffer, key: KeyObject, signature: Buffer) => boolean;
}

const pkcs1 = (hash: string): Scheme => ({
  key: 'RSA',
  verify: (data, key, signature) => verify(hash, data, key, signature),
});

/** RFC 7518 §3.5: the salt is as long as the hash. */
const pss = (hash: string, saltLength: number): Scheme => ({
  key: 'RSA',
  verify: (data, key, signature) =>
    verify(hash, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature),
});

/** Converted by hand, since asking node:crypto for the other form costs more than the conversion (DEC-46). */
const ecdsa = (hash: string, crv: 'P-256' | 'P-384', curve: 'p256' | 'p384', bytes: number): Scheme => ({
  key: crv,
  signatureBytes: 2 * bytes,
  verify: (data, key, signature) => verify(hash, data, key, ecdsaP1363ToDer(signature, curve)),
});

const ed25519: Scheme = {
  key: 'Ed25519',
  signatureBytes: 64,
  verify: (data, key, signature) => verify(null, data, key, signature),
};

const SCHEMES: Readonly<Record<JwsAlgorithm, Scheme>> = {
  RS256: pkcs1('sha256'),
  RS384: pkcs1('sha384'),
  RS512: pkcs1('sha512'),
  PS256: pss('sha256', 32),
  PS384: pss('sha384', 48),
  PS512: pss('sha512', 64),
  ES256: ecdsa('sha256', 'P-256', 'p256', 32),
  ES384: ecdsa('sha384', 'P-384', 'p384', 48),
  ES512: {
    key: 'P-521',
    signatureBytes: 132,
    verify: (data, key, signature) => verify('sha512', data, { key, dsaEncoding: 'ieee-p1363' }, signature),
  },
  EdDSA: ed25519,
  Ed25519: ed25519,
};

/** RFC 9864: two names for one algorithm (JK-10). */
const canonical = (alg: string): string => (alg === 'EdDSA' ? 'Ed25519' : alg);

const keyName = (jwk: PublicJwk): string => (jwk.kty === 'RSA' ? 'RSA' : jwk.crv);

/** Whether a key may verify this algorithm: its type and curve fit, and so does the `alg` of its own document (JW-01). */
export const fitsAlgorithm = (key: VerificationKey, algorithm: JwsAlgorithm): boolean =>
  keyName(key.jwk) === SCHEMES[algorithm].key && (key.alg === undefined || canonical(key.alg) === canonical(algorithm));

const isZero = (bytes: Buffer): boolean => bytes.every((octet) => octet === 0);

/**
 * Checks one signature over the ASCII signing input. Every accident of the library counts as "no". A key that does not
 * fit the algorithm, a signature of another length (so DER in place of r‖s) and r or s of zero are "no" before OpenSSL is
 * asked (JW-06).
 *
 * node:crypto and not `jose`: what we sign is read back before it leaves, so that this runs for every token issued; it is
 * synchronous and works on KeyObjects that were imported once. `jose` is the second opinion in the tests.
 */
export const verifySignature = (
  algorithm: JwsAlgorithm,
  key: VerificationKey,
  signingInput: string,
  signature: Buffer,
): boolean => {
  const { signatureBytes, verify } = SCHEMES[algorithm];
  if (!fitsAlgorithm(key, algorithm)) return false;
  if (signatureBytes !== undefined) {
    if (signature.length !== signatureBytes) return false;
    if (key.jwk.kty === 'EC') {
      const half = signatureBytes / 2;
      if (isZero(signature.subarray(0, half)) || isZero(signature.subarray(half))) return false;
    }
  }
  try {
    return verify(Buffer.from(signingInput, 'latin1'), key.key, signature);
  } catch {
    return false;
  }
};
