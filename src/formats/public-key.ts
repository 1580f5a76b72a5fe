import { DerError, readWhole, unsignedContent, wholeOctets, type DerElement } from './der-reader.ts';
import { objectIdentifierText } from './object-identifier.ts';
import { encodePem } from './pem.ts';

/** What a SubjectPublicKeyInfo holds. `other`: an algorithm or curve that Mayfly does not use. */
export interface PublicKeyInfo {
  readonly kind: 'p256' | 'p384' | 'p521' | 'rsa' | 'other';
  /** Bits of the modulus with RSA, of the field with a curve, 0 with `other`. */
  readonly bits: number;
  /** RSA only; 0 when it has more than 48 bits. */
  readonly exponent?: number;
  /** RSA only. */
  readonly modulus?: Uint8Array;
  /** The octets inside the BIT STRING: what key identifiers are made from. */
  readonly keyBits: Uint8Array;
}

const RSA_ENCRYPTION = '1.2.840.113549.1.1.1';
const EC_PUBLIC_KEY = '1.2.840.10045.2.1';
const CURVES: Record<string, { readonly kind: 'p256' | 'p384' | 'p521'; readonly bits: number } | undefined> = {
  '1.2.840.10045.3.1.7': { kind: 'p256', bits: 256 },
  '1.3.132.0.34': { kind: 'p384', bits: 384 },
  '1.3.132.0.35': { kind: 'p521', bits: 521 },
};

const rsaKey = (parameters: DerElement | undefined, keyBits: Uint8Array): PublicKeyInfo => {
  // RFC 3279 §2.3.1: the parameters are NULL.
  if (parameters === undefined || parameters.tag !== 0x05 || parameters.content.length !== 0) {
    throw new DerError('an RSA key with other parameters than NULL');
  }
  const key = readWhole(keyBits, 0x30);
  const modulus = unsignedContent(key.read(0x02));
  const exponentOctets = unsignedContent(key.read(0x02));
  key.end();
  const [top = 0] = modulus;
  if (((modulus.at(-1) ?? 0) & 1) === 0) throw new DerError('an RSA modulus that is even');
  const exponent = exponentOctets.length > 6 ? 0 : exponentOctets.reduce((value, octet) => value * 256 + octet, 0);
  return { kind: 'rsa', bits: modulus.length * 8 - (Math.clz32(top) - 24), exponent, modulus, keyBits };
};

const curveKey = (parameters: DerElement | undefined, keyBits: Uint8Array): PublicKeyInfo => {
  // RFC 5480 §2.1.1: named curves only. Explicit parameters let the writer choose a curve that is none.
  if (parameters === undefined || parameters.tag !== 0x06) throw new DerError('a curve that is not named');
  const curve = CURVES[objectIdentifierText(parameters)];
  if (curve === undefined) return { kind: 'other', bits: 0, keyBits };
  const coordinate = Math.ceil(curve.bits / 8);
  if (keyBits[0] !== 0x04 || keyBits.length !== 1 + 2 * coordinate) {
    throw new DerError('a point that is not in the uncompressed form of its curve');
  }
  return { ...curve, keyBits };
};

/**
 * Reads a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) in its one DER form. Throws a `DerError` when it is malformed, has
 * explicit curve parameters or a compressed point. Whether a point lies on its curve shows only when the key is used.
 */
export const readPublicKey = (spki: Uint8Array): PublicKeyInfo => {
  const info = readWhole(spki, 0x30);
  const algorithm = info.enter(0x30);
  const type = objectIdentifierText(algorithm.read(0x06));
  const parameters = algorithm.atEnd ? undefined : algorithm.read();
  algorithm.end();
  const keyBits = wholeOctets(info.read(0x03));
  info.end();
  if (type === RSA_ENCRYPTION) return rsaKey(parameters, keyBits);
  if (type === EC_PUBLIC_KEY) return curveKey(parameters, keyBits);
  return { kind: 'other', bits: 0, keyBits };
};

/** The form in which node:crypto takes a key fastest (DEC-46). */
export const publicKeyPem = (spki: Uint8Array): string => encodePem('PUBLIC KEY', spki);
