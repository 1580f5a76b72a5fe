import { createPublicKey, sign, type KeyObject } from 'node:crypto';
import type { SigningAlgorithm } from '../domain/authority.ts';
import { bitString, contextConstructed, objectIdentifier, sequence, setOfOne, smallInteger } from './der.ts';
import { algorithmIdentifier } from './x509-certificate.ts';

const EXTENSION_REQUEST = objectIdentifier('1.2.840.113549.1.9.14');
const EMPTY_NAME = sequence();

export interface CsrContent {
  readonly spki: Uint8Array;
  /** DER of the distinguished name; empty when absent. */
  readonly subjectName?: Uint8Array;
  /** Whole Extension elements to ask for. */
  readonly extensions?: readonly Uint8Array[];
}

/** The bytes to be signed of a PKCS #10 request (RFC 2986 §4.1). */
export const csrInfo = ({ spki, subjectName = EMPTY_NAME, extensions = [] }: CsrContent): Buffer => {
  const attributes = extensions.length === 0 ? [] : [sequence(EXTENSION_REQUEST, setOfOne(sequence(...extensions)))];
  return sequence(smallInteger(0), subjectName, spki, contextConstructed(0, ...attributes));
};

/** The request. `signature` is in the form of X.509: DER for ECDSA, the plain octets for RSA. */
export const assembleCsr = (info: Uint8Array, algorithm: SigningAlgorithm, signature: Uint8Array): Buffer =>
  sequence(info, algorithmIdentifier(algorithm), bitString(signature));

const algorithmOf = (key: KeyObject): SigningAlgorithm => {
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (curve === 'prime256v1') return 'ES256';
  if (curve === 'secp384r1') return 'ES384';
  throw new RangeError('a certificate request needs a P-256, P-384 or RSA key');
};

/** A request for the public half of `privateKey` (P-256, P-384, RSA). The subject is empty: a server takes only the key. */
export const writeCsr = (privateKey: KeyObject): Buffer => {
  const algorithm = algorithmOf(privateKey);
  const info = csrInfo({ spki: createPublicKey(privateKey).export({ type: 'spki', format: 'der' }) });
  return assembleCsr(info, algorithm, sign(algorithm === 'ES384' ? 'sha384' : 'sha256', info, privateKey));
};
