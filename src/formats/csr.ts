import { verify } from 'node:crypto';
import { Refusal } from '../domain/refusal.ts';
import type { KeyType } from '../domain/x509-profile.ts';
import { checkWellFormed, DerError, readWhole, wholeOctets, type DerReader } from './der-reader.ts';
import { publicKeyPem, readPublicKey, type PublicKeyInfo } from './public-key.ts';
import { isRocaModulus } from './roca.ts';
import { readSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts';

/** design.md §10. */
export const MAX_CSR_BYTES = 8 * 1024;

/** The key of a certification request whose holder has proven to have the private half. Nothing else of it is kept. */
export interface CertificationRequest {
  /** SubjectPublicKeyInfo, in its one DER form. */
  readonly spki: Uint8Array;
  readonly spkiPem: string;
  readonly keyType: KeyType;
}

const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 4096;
const RSA_EXPONENT = 65537;

/** P-256, P-384, RSA 2048–4096 with e = 65537 (DEC-20), and not from a generator whose private keys can be computed. */
const workloadKeyType = (key: PublicKeyInfo): KeyType | undefined => {
  if (key.kind === 'p256' || key.kind === 'p384') return key.kind;
  if (key.kind !== 'rsa' || key.modulus === undefined || key.exponent !== RSA_EXPONENT) return undefined;
  const isGoodLength = key.bits >= MIN_RSA_BITS && key.bits <= MAX_RSA_BITS;
  return isGoodLength && !isRocaModulus(key.modulus) ? 'rsa' : undefined;
};

interface RequestParts {
  readonly info: Uint8Array;
  readonly spki: Uint8Array;
  readonly algorithm: SignatureAlgorithm | undefined;
  readonly signature: Uint8Array;
}

/** Skips subject and attributes, which are the requester's words about itself, but insists that they are DER. */
const readInfo = (info: DerReader): Uint8Array => {
  const version = info.read(0x02).content;
  if (version.length !== 1 || version[0] !== 0) throw new DerError('a version other than 0');
  checkWellFormed(info.read(0x30));
  const spki = info.read(0x30).raw;
  checkWellFormed(info.read(0xa0));
  info.end();
  return spki;
};

/** CertificationRequest (RFC 2986 §4). */
const readParts = (der: Uint8Array): RequestParts => {
  const request = readWhole(der, 0x30);
  const info = request.read(0x30);
  const algorithm = readSignatureAlgorithm(request.read(0x30).raw);
  const signature = wholeOctets(request.read(0x03));
  request.end();
  return { info: info.raw, spki: readInfo(readWhole(info.raw, 0x30)), algorithm, signature };
};

const malformed = (problem: string): never => {
  throw new Refusal('invalid_csr', 'the certificate request is malformed', { reason: problem });
};

const readStrictly = (der: Uint8Array): RequestParts & { readonly key: PublicKeyInfo } => {
  try {
    const parts = readParts(der);
    return { ...parts, key: readPublicKey(parts.spki) };
  } catch (error) {
    if (error instanceof DerError) return malformed(error.message);
    throw error;
  }
};

const isSignedByItsKey = (parts: RequestParts, algorithm: SignatureAlgorithm, pem: string): boolean => {
  try {
    return verify(algorithm.hash, parts.info, pem, parts.signature);
  } catch {
    // OpenSSL refuses to load the key, for example a point that is not on its curve.
    return false;
  }
};

/**
 * Reads a PKCS #10 request and checks its signature, which proves possession of the key. The key is all that is taken from
 * it: subject, attributes and requested extensions are never trusted.
 *
 * Refuses with `unsupported_key` a key outside DEC-20, and with `invalid_csr` everything else: more than 8 KiB (looked at
 * first), anything but strict DER, explicit curve parameters, compressed points, points off their curve, a signature by
 * another key or with an algorithm other than ECDSA or RSA PKCS #1 v1.5 over SHA-2.
 */
export const readCsr = (der: Uint8Array): CertificationRequest => {
  if (der.length > MAX_CSR_BYTES)
    throw new Refusal('invalid_csr', `a certificate request has at most ${MAX_CSR_BYTES} bytes`);
  const parts = readStrictly(der);
  const keyType = workloadKeyType(parts.key);
  if (keyType === undefined) {
    throw new Refusal('unsupported_key', 'keys are P-256, P-384, or RSA of 2048 to 4096 bits with exponent 65537');
  }
  const { algorithm } = parts;
  if (algorithm === undefined || algorithm.family !== (keyType === 'rsa' ? 'rsa' : 'ecdsa')) {
    throw new Refusal('invalid_csr', 'the signature algorithm of the certificate request is not supported');
  }
  const spkiPem = publicKeyPem(parts.spki);
  if (!isSignedByItsKey(parts, algorithm, spkiPem)) {
    throw new Refusal('invalid_csr', 'the signature of the certificate request does not verify with its key');
  }
  return { spki: parts.spki, spkiPem, keyType };
};
