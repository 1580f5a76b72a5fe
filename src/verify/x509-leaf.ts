import { hash, type KeyObject } from 'node:crypto';
import { isIPv4, SocketAddress } from 'node:net';
import type { SigningAlgorithm } from '../domain/authority.ts';
import type { KeyType, X509LeafPlan, X509Subject } from '../domain/x509-profile.ts';
import { readCertificate, type Certificate } from '../formats/certificate.ts';
import type { CertificateExtensions } from '../formats/certificate-extensions.ts';
import { type NameAttribute, readDistinguishedName } from '../formats/distinguished-name.ts';
import type { SignatureAlgorithm } from '../formats/signature-algorithm.ts';
import { isSignedBy } from './certificate-signature.ts';

/** What a finished leaf has to be: its plan, and what is on record of the plan and of the issuer. */
export interface X509LeafExpectation extends X509LeafPlan {
  /** SHA-256 of the bytes to be signed, hexadecimal, as the ledger holds it. */
  readonly digest: string;
  readonly issuerPublicKey: KeyObject;
  /** Unix seconds. */
  readonly issuerValidity: { readonly notBefore: number; readonly notAfter: number };
}

/** A finished certificate is not what was planned. This is a bug of ours, never the caller's fault. */
class LeafMismatch extends Error {
  constructor(what: string) {
    super(`the certificate differs from its plan: ${what}`);
    this.name = 'LeafMismatch';
  }
}

const demand = (isTrue: boolean, what: string): void => {
  if (!isTrue) throw new LeafMismatch(what);
};

const isSame = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && Buffer.compare(a, b) === 0;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The whole value of the extensions that never vary, written out by hand: a second opinion on the writer. */
const BASIC_CONSTRAINTS_VALUE = Buffer.from('3000', 'hex');
const DIGITAL_SIGNATURE_VALUE = Buffer.from('03020780', 'hex');
const KEY_USAGE_VALUE: Record<KeyType, Buffer> = {
  p256: DIGITAL_SIGNATURE_VALUE,
  p384: DIGITAL_SIGNATURE_VALUE,
  rsa: Buffer.from('030205a0', 'hex'),
};
const EXTENDED_KEY_USAGE_VALUE = Buffer.from('301406082b0601050507030106082b06010505070302', 'hex');

/** In this order, and no other. */
const EXTENSION_ORDER = ['2.5.29.19', '2.5.29.15', '2.5.29.37', '2.5.29.14', '2.5.29.35', '2.5.29.17'];

const isInOrder = (extensions: CertificateExtensions): boolean => {
  let at = 0;
  for (const type of extensions.keys()) {
    if (type !== EXTENSION_ORDER[at]) return false;
    at += 1;
  }
  return at === EXTENSION_ORDER.length;
};

const SIGNATURE_ALGORITHM: Record<SigningAlgorithm, SignatureAlgorithm> = {
  ES256: { family: 'ecdsa', hash: 'sha256' },
  ES384: { family: 'ecdsa', hash: 'sha384' },
  RS256: { family: 'rsa', hash: 'sha256' },
};

const checkExtensions = ({ extensions, publicKey, authorityKeyId, subjectKeyId }: Certificate, plan: X509LeafPlan) => {
  demand(isInOrder(extensions), 'extensions');
  const isExtension = (type: string, value: Uint8Array, critical: boolean): boolean => {
    const found = extensions.get(type);
    return found?.critical === critical && isSame(found.value, value);
  };
  const isCritical = (type: string): boolean | undefined => extensions.get(type)?.critical;
  demand(isExtension('2.5.29.19', BASIC_CONSTRAINTS_VALUE, true), 'basic constraints');
  demand(isExtension('2.5.29.15', KEY_USAGE_VALUE[plan.keyType], true), 'key usage');
  demand(isExtension('2.5.29.37', EXTENDED_KEY_USAGE_VALUE, false), 'extended key usage');

  const keyId = hash('sha256', publicKey.keyBits, 'buffer').subarray(0, 20);
  demand(isSame(subjectKeyId, keyId) && isCritical('2.5.29.14') === false, 'subject key identifier');
  const authorityLength = extensions.get('2.5.29.35')?.value.length;
  demand(
    // Nothing but the key identifier: two headers of two octets stand before it.
    isSame(authorityKeyId, plan.issuer.keyId) && authorityLength === plan.issuer.keyId.length + 4,
    'authority key identifier',
  );
  demand(isCritical('2.5.29.35') === false, 'authority key identifier');
};

const addressText = (octets: Uint8Array): string =>
  octets.length === 4 ? octets.join('.') : (hex(octets).match(/.{4}/g) ?? []).join(':');

/** One spelling for each address, made by the runtime. */
const canonicalAddress = (text: string): string =>
  new SocketAddress({ address: text, family: isIPv4(text) ? 'ipv4' : 'ipv6' }).address;

/** The organization, then the common name, each only where it is planned. */
const isSubject = (name: readonly NameAttribute[], { organization, commonName }: X509Subject): boolean => {
  let at = 0;
  const isNext = (type: string, text: string | undefined): boolean => {
    if (text === undefined) return true;
    const attribute = name[at];
    at += 1;
    return attribute?.type === type && attribute.text === text;
  };
  return isNext('2.5.4.10', organization) && isNext('2.5.4.3', commonName) && at === name.length;
};

const checkNames = ({ alternativeNames, extensions, subjectName }: Certificate, plan: X509LeafPlan): void => {
  demand(isSubject(readDistinguishedName(subjectName), plan.subject), 'subject');

  const { uris = [], dnsNames = [], ipAddresses = [], others = 0 } = alternativeNames ?? {};
  const [uri = new Uint8Array()] = uris;
  demand(uris.length === 1 && Buffer.from(uri).toString('latin1') === plan.spiffeId, 'SPIFFE ID');
  demand(
    dnsNames.length === plan.dnsNames.length && dnsNames.every((name, i) => name === plan.dnsNames[i]),
    'DNS names',
  );
  demand(
    ipAddresses.length === plan.ipAddresses.length &&
      ipAddresses.every(
        (octets, i) => canonicalAddress(addressText(octets)) === canonicalAddress(plan.ipAddresses[i] ?? ''),
      ),
    'IP addresses',
  );
  demand(others === 0, 'names of other types');
  const isSubjectEmpty = plan.subject.organization === undefined && plan.subject.commonName === undefined;
  demand(extensions.get('2.5.29.17')?.critical === isSubjectEmpty, 'criticality of the alternative names');
};

/**
 * Reads a finished leaf certificate back before it leaves, and holds every part against its plan and the whole against the
 * digest on record. It shares no code with the writer. Throws an Error that names the first part that differs, or where the
 * bytes are not DER.
 *
 * A signature check and about 10 µs.
 */
export const checkX509Leaf = (der: Uint8Array, expected: X509LeafExpectation): void => {
  const certificate = readCertificate(der);
  const { issuerValidity } = expected;
  demand(certificate.serial === expected.serial, 'serial');
  demand(isSame(certificate.issuerName, expected.issuer.nameDer), 'issuer');
  demand(certificate.notBefore === expected.notBefore && certificate.notAfter === expected.notAfter, 'validity');
  demand(
    certificate.notBefore >= issuerValidity.notBefore &&
      certificate.notAfter <= issuerValidity.notAfter &&
      certificate.notBefore < certificate.notAfter,
    'validity within the issuer’s',
  );
  demand(isSame(certificate.spki, expected.spki) && certificate.publicKey.kind === expected.keyType, 'public key');
  checkNames(certificate, expected);
  checkExtensions(certificate, expected);
  const algorithm = SIGNATURE_ALGORITHM[expected.issuer.algorithm];
  const found = certificate.signatureAlgorithm;
  demand(found?.family === algorithm.family && found.hash === algorithm.hash, 'signature algorithm');
  demand(hash('sha256', certificate.tbs, 'hex') === expected.digest, 'digest on record');
  demand(isSignedBy(certificate, expected.issuerPublicKey), 'signature');
};
