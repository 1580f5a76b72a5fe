import {
  booleanValue,
  checkWellFormed,
  DerError,
  namedBits,
  readSingle,
  readWhole,
  smallNumber,
  type DerReader,
} from './der-reader.ts';
import { objectIdentifierText } from './object-identifier.ts';

/** The extensions that Mayfly understands, by their object identifier (RFC 5280 §4.2.1). */
export const EXTENSION = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

export interface CertificateExtension {
  readonly critical: boolean;
  /** What stands inside the OCTET STRING. */
  readonly value: Uint8Array;
}

/** By object identifier, in the order of the certificate. */
export type CertificateExtensions = ReadonlyMap<string, CertificateExtension>;

/** Extensions (RFC 5280 §4.2). No extension may be there twice, and `critical` is absent when false. */
export const readExtensions = (extensions: DerReader): CertificateExtensions => {
  const found = new Map<string, CertificateExtension>();
  do {
    const extension = extensions.enter(0x30);
    const type = objectIdentifierText(extension.read(0x06));
    const critical = extension.readOptional(0x01);
    if (critical !== undefined && !booleanValue(critical)) throw new DerError('a default that is written out');
    const value = extension.read(0x04).content;
    extension.end();
    if (found.has(type)) throw new DerError('the same extension twice');
    found.set(type, { critical: critical !== undefined, value });
  } while (!extensions.atEnd);
  return found;
};

export interface BasicConstraints {
  readonly ca: boolean;
  readonly pathLength?: number;
}

/** `cA` false may be written out here, against DER: enough foreign issuers do so that refusing it helps nobody. */
export const readBasicConstraints = (value: Uint8Array): BasicConstraints => {
  const constraints = readWhole(value, 0x30);
  const flag = constraints.readOptional(0x01);
  const ca = flag !== undefined && booleanValue(flag);
  const length = constraints.readOptional(0x02);
  constraints.end();
  if (length === undefined) return { ca };
  if (!ca) throw new DerError('a path length without cA');
  return { ca, pathLength: smallNumber(length) };
};

const KEY_USAGES = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

export type KeyUsage = (typeof KEY_USAGES)[number];

export const readKeyUsage = (value: Uint8Array): ReadonlySet<KeyUsage> => {
  const bits = namedBits(readSingle(value, 0x03));
  if (bits.length === 0) throw new DerError('a key usage without a bit');
  const usages = new Set<KeyUsage>();
  KEY_USAGES.forEach((usage, at) => {
    if (bits[at] === true) usages.add(usage);
  });
  return usages;
};

export const readExtendedKeyUsage = (value: Uint8Array): readonly string[] => {
  const purposes = readWhole(value, 0x30);
  const found: string[] = [];
  do found.push(objectIdentifierText(purposes.read(0x06)));
  while (!purposes.atEnd);
  return found;
};

export interface AlternativeNames {
  /** The octets of each URI, not yet judged. */
  readonly uris: readonly Uint8Array[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly Uint8Array[];
  /** How many names of other types there are. */
  readonly others: number;
}

export const readAlternativeNames = (value: Uint8Array): AlternativeNames => {
  const names = readWhole(value, 0x30);
  const uris: Uint8Array[] = [];
  const dnsNames: string[] = [];
  const ipAddresses: Uint8Array[] = [];
  let others = 0;
  do {
    const name = names.read();
    if (name.tag === 0x86) uris.push(name.content);
    else if (name.tag === 0x82) dnsNames.push(Buffer.from(name.content).toString('latin1'));
    else if (name.tag === 0x87) ipAddresses.push(name.content);
    else if ((name.tag & 0xc0) === 0x80 && (name.tag & 0x1f) <= 8) {
      checkWellFormed(name);
      others += 1;
    } else throw new DerError('a name of no known type');
  } while (!names.atEnd);
  return { uris, dnsNames, ipAddresses, others };
};

export const readSubjectKeyId = (value: Uint8Array): Uint8Array => readSingle(value, 0x04).content;

/** The key identifier of an authority key identifier, undefined when it names the issuer in another way. */
export const readAuthorityKeyId = (value: Uint8Array): Uint8Array | undefined => {
  const identifier = readWhole(value, 0x30);
  const keyId = identifier.readOptional(0x80);
  while (!identifier.atEnd) checkWellFormed(identifier.read());
  return keyId?.content;
};
