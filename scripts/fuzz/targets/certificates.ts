import { X509Certificate } from 'node:crypto';
import { Refusal } from '../../../src/domain/refusal.ts';
import { readCaCertificate } from '../../../src/formats/ca-certificate.ts';
import { readCertificate, type Certificate } from '../../../src/formats/certificate.ts';
import { DerError } from '../../../src/formats/der-reader.ts';
import { readX509Svid, verifyX509Svid } from '../../../src/verify/x509-path.ts';
import { derMutator } from '../mutate-der.ts';
import { LEAVES, NOW, ROOT_DER } from '../samples.ts';
import { demand, unless, type Target } from '../target.ts';

const isRefusal = (error: unknown): boolean => error instanceof Refusal;

/** OpenSSL's opinion; undefined when it does not read the certificate. It is laxer than we are, but also reads names and keys. */
const openssl = (der: Uint8Array): X509Certificate | undefined =>
  unless(
    () => true,
    () => new X509Certificate(der),
  );

const seconds = (date: Date): number => Math.floor(date.getTime() / 1000);

const count = (names: string | undefined, type: string): number =>
  names === undefined ? 0 : names.split(', ').filter((name) => name.startsWith(`${type}:`)).length;

const PLAIN = /^[\w.:/*-]*$/;

const judge = (certificate: Certificate): void => {
  const other = openssl(certificate.der);
  if (other === undefined) return;
  demand(BigInt(`0x${other.serialNumber}`) === BigInt(`0x${certificate.serial}`), 'OpenSSL reads another serial');
  demand(seconds(other.validFromDate) === certificate.notBefore, 'OpenSSL reads another notBefore');
  demand(seconds(other.validToDate) === certificate.notAfter, 'OpenSSL reads another notAfter');
  demand(
    other.ca === (certificate.basicConstraints?.ca ?? false) || certificate.keyUsage !== undefined,
    'OpenSSL disagrees on CA',
  );
  const { uris = [], dnsNames = [], ipAddresses = [] } = certificate.alternativeNames ?? {};
  const texts = [...uris.map((uri) => Buffer.from(uri).toString('latin1')), ...dnsNames];
  if (!texts.every((text) => PLAIN.test(text))) return;
  demand(count(other.subjectAltName, 'URI') === uris.length, 'OpenSSL reads other URI names');
  demand(count(other.subjectAltName, 'DNS') === dnsNames.length, 'OpenSSL reads other DNS names');
  const isWhole = ipAddresses.every(({ length }) => length === 4 || length === 16);
  if (isWhole)
    demand(count(other.subjectAltName, 'IP Address') === ipAddresses.length, 'OpenSSL reads other addresses');
  for (const text of texts) demand(other.subjectAltName?.includes(text) === true, 'OpenSSL does not read a name');
};

export const certificate: Target = {
  seeds: [ROOT_DER, ...LEAVES],
  mutate: derMutator,
  sources: [
    'formats/certificate.ts',
    'formats/certificate-extensions.ts',
    'formats/public-key.ts',
    'formats/der-reader.ts',
    'formats/signature-algorithm.ts',
  ],
  run: (input) => {
    const read = unless(
      (error) => error instanceof DerError,
      () => readCertificate(input),
    );
    if (read !== undefined) judge(read);
    return read !== undefined;
  },
};

export const caCertificate: Target = {
  seeds: [ROOT_DER, ...LEAVES],
  mutate: derMutator,
  sources: ['formats/ca-certificate.ts'],
  run: (input) => {
    const read = unless(isRefusal, () => readCaCertificate(input));
    if (read !== undefined) judge(read);
    return read !== undefined;
  },
};

const root = readCertificate(ROOT_DER);
const GOOD = new Set(LEAVES.map((der) => Buffer.from(readCertificate(der).tbs).toString('hex')));

export const x509Svid: Target = {
  seeds: LEAVES,
  mutate: derMutator,
  sources: ['verify/x509-path.ts', 'verify/certificate-path.ts', 'verify/certificate-signature.ts'],
  run: (input) => {
    const verified = unless(isRefusal, () =>
      verifyX509Svid({ svid: readX509Svid([input]), rootsOf: () => [root], now: NOW }),
    );
    if (verified !== undefined) {
      demand(GOOD.has(Buffer.from(verified.leaf.tbs).toString('hex')), 'a certificate that nobody signed was accepted');
    }
    return verified !== undefined;
  },
};
