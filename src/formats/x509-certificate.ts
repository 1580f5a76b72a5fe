import { hash } from 'node:crypto';
import type { SigningAlgorithm } from '../domain/authority.ts';
import type { RecordId } from '../domain/record-id.ts';
import type { X509Subject } from '../domain/x509-profile.ts';
import {
  bitString,
  contextConstructed,
  contextPrimitive,
  NULL,
  objectIdentifier,
  octetString,
  sequence,
  setOfOne,
  smallInteger,
  time,
  TRUE,
  unsignedInteger,
  utf8String,
} from './der.ts';
import { ecdsaP1363ToDer } from './ecdsa-signature.ts';

/** The parts that leaf and CA certificates have in common, as bytes (RFC 5280 §4). */

/** AlgorithmIdentifier: no parameters with ECDSA (RFC 5758 §3.2), NULL with RSA (RFC 4055 §5). */
const ALGORITHM_IDENTIFIERS: Record<SigningAlgorithm, Buffer> = {
  ES256: sequence(objectIdentifier('1.2.840.10045.4.3.2')),
  ES384: sequence(objectIdentifier('1.2.840.10045.4.3.3')),
  RS256: sequence(objectIdentifier('1.2.840.113549.1.1.11'), NULL),
};

export const algorithmIdentifier = (algorithm: SigningAlgorithm): Buffer => ALGORITHM_IDENTIFIERS[algorithm];

const ORGANIZATION = objectIdentifier('2.5.4.10');
const COMMON_NAME = objectIdentifier('2.5.4.3');

const relativeName = (type: Uint8Array, text: string): Buffer => setOfOne(sequence(type, utf8String(text)));

/** Of the last organization: a process writes the same one into every certificate. */
let lastOrganization: { readonly text: string; readonly name: Buffer } | undefined;

const organizationName = (text: string): Buffer => {
  if (lastOrganization?.text !== text) lastOrganization = { text, name: relativeName(ORGANIZATION, text) };
  return lastOrganization.name;
};

/** A distinguished name with `O` and `CN`, where they are given. UTF8String, because `_` is not in PrintableString. */
export const distinguishedName = (subject: X509Subject): Buffer => {
  const names: Buffer[] = [];
  if (subject.organization !== undefined) names.push(organizationName(subject.organization));
  if (subject.commonName !== undefined) names.push(relativeName(COMMON_NAME, subject.commonName));
  return sequence(...names);
};

export const validity = (notBefore: number, notAfter: number): Buffer => sequence(time(notBefore), time(notAfter));

/** The serial of DEC-7 as a positive INTEGER of at most 16 octets. */
export const serialNumber = (serial: RecordId): Buffer => {
  const bytes = Buffer.from(serial, 'hex');
  if (bytes.length !== 16 || (bytes[0] ?? 0) > 0x7f) throw new RangeError('a serial is 16 octets with the top bit 0');
  return unsignedInteger(bytes);
};

/** One Extension. `type` is the encoded object identifier; `critical` false is the default and is left out. */
export const extension = (type: Uint8Array, critical: boolean, value: Uint8Array): Buffer =>
  critical ? sequence(type, TRUE, octetString(value)) : sequence(type, octetString(value));

export const BASIC_CONSTRAINTS = objectIdentifier('2.5.29.19');
export const KEY_USAGE = objectIdentifier('2.5.29.15');
export const SUBJECT_ALTERNATIVE_NAME = objectIdentifier('2.5.29.17');
const SUBJECT_KEY_IDENTIFIER = objectIdentifier('2.5.29.14');
const AUTHORITY_KEY_IDENTIFIER = objectIdentifier('2.5.29.35');

export const subjectKeyIdentifier = (keyId: Uint8Array): Buffer =>
  extension(SUBJECT_KEY_IDENTIFIER, false, octetString(keyId));

/** Each key of an issuer brings the same array every time. */
const authorityKeyIdentifiers = new WeakMap<Uint8Array, Buffer>();

export const authorityKeyIdentifier = (keyId: Uint8Array): Buffer => {
  const known = authorityKeyIdentifiers.get(keyId);
  if (known) return known;
  const written = extension(AUTHORITY_KEY_IDENTIFIER, false, sequence(contextPrimitive(0, keyId)));
  authorityKeyIdentifiers.set(keyId, written);
  return written;
};

export const uriName = (uri: string): Buffer => contextPrimitive(6, Buffer.from(uri, 'latin1'));

const EXTENSIONS_FIELD = 3;
const VERSION_3 = contextConstructed(0, smallInteger(2));

export interface TbsParts {
  readonly serial: RecordId;
  readonly algorithm: SigningAlgorithm;
  readonly issuerName: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly subjectName: Uint8Array;
  readonly spki: Uint8Array;
  readonly extensions: readonly Uint8Array[];
}

/** TBSCertificate, version 3 (RFC 5280 §4.1). */
export const tbsCertificate = (parts: TbsParts): Buffer =>
  sequence(
    VERSION_3,
    serialNumber(parts.serial),
    algorithmIdentifier(parts.algorithm),
    parts.issuerName,
    validity(parts.notBefore, parts.notAfter),
    parts.subjectName,
    parts.spki,
    contextConstructed(EXTENSIONS_FIELD, sequence(...parts.extensions)),
  );

/** The certificate. `signature` is in the form of X.509: DER for ECDSA, the plain octets for RSA. */
export const assembleCertificate = (tbs: Uint8Array, algorithm: SigningAlgorithm, signature: Uint8Array): Buffer =>
  sequence(tbs, algorithmIdentifier(algorithm), bitString(signature));

/** What a `Signer` answers, in the form of X.509: r‖s becomes DER, RSA stays as it is. */
export const x509Signature = (algorithm: SigningAlgorithm, signature: Uint8Array): Uint8Array =>
  algorithm === 'RS256' ? signature : ecdsaP1363ToDer(signature, algorithm === 'ES256' ? 'p256' : 'p384');

/** Where the BIT STRING of a SubjectPublicKeyInfo starts: after the outer header and the AlgorithmIdentifier. */
const publicKeyOffset = (spki: Uint8Array): number => {
  const outer = headerLength(spki, 0);
  const algorithm = outer + headerLength(spki, outer) + (spki[outer + 1] ?? 0);
  return algorithm + headerLength(spki, algorithm) + 1;
};

const headerLength = (der: Uint8Array, at: number): number => {
  const first = der[at + 1] ?? 0;
  return first < 0x80 ? 2 : 2 + (first & 0x7f);
};

/** Subject key identifier: the leftmost 160 bits of SHA-256 over the bits of the public key (RFC 7093 §2, method 1). */
export const keyIdentifier = (spki: Uint8Array): Buffer =>
  hash('sha256', spki.subarray(publicKeyOffset(spki)), 'buffer').subarray(0, 20);
