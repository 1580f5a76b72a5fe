import {
  EXTENSION,
  readAlternativeNames,
  readAuthorityKeyId,
  readBasicConstraints,
  readExtendedKeyUsage,
  readExtensions,
  readKeyUsage,
  readSubjectKeyId,
  type AlternativeNames,
  type BasicConstraints,
  type CertificateExtensions,
  type KeyUsage,
} from './certificate-extensions.ts';
import {
  checkWellFormed,
  DerError,
  readWhole,
  smallNumber,
  unsignedContent,
  wholeOctets,
  type DerElement,
  type DerReader,
} from './der-reader.ts';
import { readPublicKey, type PublicKeyInfo } from './public-key.ts';
import { readSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts';

/** A certificate as it was read: well formed, and nothing more is known about it. Byte members are views of `der`. */
export interface Certificate {
  readonly der: Uint8Array;
  /** The signed part. */
  readonly tbs: Uint8Array;
  /** Lower-case hexadecimal, 32 digits or more: the form in which serials are on record. */
  readonly serial: string;
  /** Undefined: signed in a way that Mayfly does not verify. */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
  readonly signature: Uint8Array;
  /** Names as whole DER elements: chain building compares their bytes. */
  readonly issuerName: Uint8Array;
  readonly subjectName: Uint8Array;
  /** Unix seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly spki: Uint8Array;
  readonly publicKey: PublicKeyInfo;
  readonly extensions: CertificateExtensions;
  readonly basicConstraints: BasicConstraints | undefined;
  readonly keyUsage: ReadonlySet<KeyUsage> | undefined;
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly alternativeNames: AlternativeNames | undefined;
  readonly subjectKeyId: Uint8Array | undefined;
  readonly authorityKeyId: Uint8Array | undefined;
}

const ZULU = 0x5a;

/** Two decimal digits. */
const twoDigits = (text: DerElement, at: number): number => {
  const tens = (text.octet(at) ?? 0) - 0x30;
  const ones = (text.octet(at + 1) ?? 0) - 0x30;
  if (tens < 0 || tens > 9 || ones < 0 || ones > 9) throw new DerError('not a certificate time');
  return tens * 10 + ones;
};

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const daysIn = (year: number, month: number): number => {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && isLeap ? 29 : (MONTH_DAYS[month - 1] ?? 0);
};

/** UTCTime through 2049, GeneralizedTime from 2050 on, in seconds and in Zulu time (RFC 5280 §4.1.2.5). */
const readTime = (time: DerElement): number => {
  const isUtc = time.tag === 0x17;
  const rest = isUtc ? 2 : 4;
  if ((!isUtc && time.tag !== 0x18) || time.length !== rest + 11 || time.octet(rest + 10) !== ZULU) {
    throw new DerError('not a certificate time');
  }
  const first = twoDigits(time, 0);
  const year = isUtc ? first + (first < 50 ? 2000 : 1900) : first * 100 + twoDigits(time, 2);
  if (!isUtc && year < 2050) throw new DerError('a GeneralizedTime before 2050');
  const month = twoDigits(time, rest);
  const day = twoDigits(time, rest + 2);
  const hour = twoDigits(time, rest + 4);
  const minute = twoDigits(time, rest + 6);
  const second = twoDigits(time, rest + 8);
  if (day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59) {
    throw new DerError('a time that does not exist');
  }
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
};

const readValidity = (validity: DerReader): { readonly notBefore: number; readonly notAfter: number } => {
  const notBefore = readTime(validity.read());
  const notAfter = readTime(validity.read());
  validity.end();
  return { notBefore, notAfter };
};

const readName = (tbs: DerReader): Uint8Array => {
  const name = tbs.read(0x30);
  checkWellFormed(name);
  return name.raw;
};

const readSerial = (element: DerElement): string => {
  const octets = unsignedContent(element);
  if (octets.length > 20) throw new DerError('a serial with more than 20 octets');
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('hex').padStart(32, '0');
};

const readTbs = (tbs: DerReader) => {
  // Version 3 only: what came before it cannot say whether it is a CA.
  const version = tbs.enter(0xa0);
  if (smallNumber(version.read(0x02)) !== 2) throw new DerError('a version other than 3');
  version.end();
  const serial = readSerial(tbs.read(0x02));
  const algorithm = tbs.read(0x30).raw;
  const issuerName = readName(tbs);
  const validity = readValidity(tbs.enter(0x30));
  const subjectName = readName(tbs);
  const spki = tbs.read(0x30).raw;
  tbs.readOptional(0x81);
  tbs.readOptional(0x82);
  const wrapper = tbs.enter(0xa3);
  tbs.end();
  const extensions = readExtensions(wrapper.enter(0x30));
  wrapper.end();
  return { serial, algorithm, issuerName, validity, subjectName, spki, extensions };
};

/**
 * Reads a certificate in strict DER (RFC 5280 §4.1). Throws a `DerError` when it is malformed, is not of version 3, holds an
 * extension twice, or names two signature algorithms. It judges neither signature nor time nor purpose, and does not bound
 * the size: the caller does, before.
 */
export const readCertificate = (der: Uint8Array): Certificate => {
  const certificate = readWhole(der, 0x30);
  const tbs = certificate.read(0x30);
  const outerAlgorithm = certificate.read(0x30).raw;
  const signature = wholeOctets(certificate.read(0x03));
  certificate.end();
  const read = readTbs(tbs.enter());
  const { extensions } = read;
  if (Buffer.compare(read.algorithm, outerAlgorithm) !== 0) throw new DerError('two signature algorithms');
  const parse = <T>(type: string, reader: (value: Uint8Array) => T): T | undefined => {
    const extension = extensions.get(type);
    return extension === undefined ? undefined : reader(extension.value);
  };
  return {
    der,
    tbs: tbs.raw,
    signature,
    signatureAlgorithm: readSignatureAlgorithm(read.algorithm),
    serial: read.serial,
    issuerName: read.issuerName,
    subjectName: read.subjectName,
    notBefore: read.validity.notBefore,
    notAfter: read.validity.notAfter,
    spki: read.spki,
    publicKey: readPublicKey(read.spki),
    extensions,
    basicConstraints: parse(EXTENSION.basicConstraints, readBasicConstraints),
    keyUsage: parse(EXTENSION.keyUsage, readKeyUsage),
    extendedKeyUsage: parse(EXTENSION.extendedKeyUsage, readExtendedKeyUsage),
    alternativeNames: parse(EXTENSION.subjectAlternativeName, readAlternativeNames),
    subjectKeyId: parse(EXTENSION.subjectKeyId, readSubjectKeyId),
    authorityKeyId: parse(EXTENSION.authorityKeyId, readAuthorityKeyId),
  };
};
