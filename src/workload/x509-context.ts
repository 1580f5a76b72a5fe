import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { Refusal } from '../domain/refusal.ts';
import { parseSpiffeId, pathOf, trustDomainOf, type SpiffeId } from '../domain/spiffe-id.ts';
import { parseTrustDomain, type TrustDomain } from '../domain/trust-domain.ts';
import { readCertificate, type Certificate } from '../formats/certificate.ts';
import { DerError, DerReader } from '../formats/der-reader.ts';
import { encodePem } from '../formats/pem.ts';
import { readX509Svid } from '../verify/x509-path.ts';
import { WorkloadError } from './errors.ts';
import type { BundlesResponse, X509SvidMessage, X509SvidResponse } from './wire.ts';

/** An X.509-SVID of this process. Times in Unix seconds. */
export interface X509Svid {
  readonly spiffeId: SpiffeId;
  /** By what the operator tells several identities apart. */
  readonly hint?: string;
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** DER, leaf first, without the root. */
  readonly chain: readonly Uint8Array[];
  /** The chain in PEM. */
  readonly certificatePem: string;
  readonly privateKey: KeyObject;
}

/** What vouches for the X.509-SVIDs of one trust domain, and for nobody else's. */
export interface X509Bundle {
  readonly trustDomain: TrustDomain;
  /** DER of the CA certificates. */
  readonly authorities: readonly Uint8Array[];
  readonly pem: string;
}

/** Everything that the agent says at one moment. */
export interface X509Context {
  /** At least one; the first is the default. */
  readonly svids: readonly X509Svid[];
  readonly bundles: ReadonlyMap<TrustDomain, X509Bundle>;
}

/** Certificates of an agent's chain, leaf included, and octets of each (WLAPI-31). */
const LIMITS = { maxCertificates: 16, maxCertificateBytes: 64 * 1024 };

const malformed = (reason: string, cause?: unknown): WorkloadError =>
  new WorkloadError('malformed_response', `the agent's answer cannot be used: ${reason}`, { cause });

/** Runs a reader of what the agent sent. */
export const reading = <Value>(what: string, read: () => Value): Value => {
  try {
    return read();
  } catch (error) {
    if (error instanceof DerError) throw malformed(`${what}: ${error.message}`, error);
    if (error instanceof Refusal) throw malformed(`${what}: ${error.reason ?? error.message}`, error);
    throw error;
  }
};

/** Certificates that stand one after the other (WLAPI-22). */
const splitDer = (bytes: Uint8Array): Uint8Array[] => {
  const reader = new DerReader(bytes);
  const certificates: Uint8Array[] = [];
  while (!reader.atEnd) certificates.push(reader.read(0x30).raw.slice());
  return certificates;
};

const isAuthority = ({ basicConstraints, keyUsage }: Certificate): boolean =>
  basicConstraints?.ca === true && keyUsage?.has('keyCertSign') !== false;

const checkAuthorities = (certificates: readonly Certificate[], what: string): void => {
  if (!certificates.every(isAuthority)) throw malformed(`${what} holds a certificate that is no CA`);
};

const pemOf = (certificates: readonly Uint8Array[]): string =>
  certificates.map((der) => encodePem('CERTIFICATE', der)).join('');

const readBundle = (trustDomain: TrustDomain, bytes: Uint8Array): X509Bundle => {
  const what = `the bundle of ${trustDomain}`;
  const authorities = reading(what, () => {
    const certificates = splitDer(bytes);
    checkAuthorities(certificates.map(readCertificate), what);
    return certificates;
  });
  return { trustDomain, authorities, pem: pemOf(authorities) };
};

/** node:crypto says which key of what kind; it is ours only if the leaf has its other half. */
const readKey = (der: Uint8Array, leaf: Uint8Array): KeyObject => {
  try {
    const key = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' });
    if (new X509Certificate(leaf).checkPrivateKey(key)) return key;
  } catch {
    // Nothing of the library's error is told: it may quote the key.
    throw malformed('a private key that is not PKCS #8 or not supported');
  }
  throw malformed('a private key that is not that of its certificate');
};

/** What cannot identify a workload, whoever signed it (X509-51, X509-52, X509-58); the rest is `readX509Svid`'s. */
const leafProblem = ({ basicConstraints, keyUsage }: Certificate): string | undefined => {
  if (basicConstraints?.ca === true) return 'a CA certificate in place of a leaf';
  if (keyUsage?.has('keyCertSign') === true || keyUsage?.has('cRLSign') === true) return 'a leaf that may sign others';
  return keyUsage?.has('digitalSignature') === true ? undefined : 'a leaf without digitalSignature';
};

const readSvid = (message: X509SvidMessage): X509Svid => {
  if ([message.spiffeId, message.x509Svid, message.x509SvidKey, message.bundle].some(({ length }) => length === 0)) {
    throw malformed('an SVID with an empty field');
  }
  const chain = reading('an SVID', () => splitDer(message.x509Svid));
  const { leaf, intermediates, spiffeId } = reading('an SVID', () => readX509Svid(chain, LIMITS));
  const problem = leafProblem(leaf);
  if (problem !== undefined) throw malformed(problem);
  checkAuthorities(intermediates, `the chain of ${spiffeId}`);
  if (spiffeId !== message.spiffeId) throw malformed('the ID beside a certificate is not the one in it');
  const { serial, notBefore, notAfter } = leaf;
  return {
    spiffeId,
    serial,
    notBefore,
    notAfter,
    chain,
    certificatePem: pemOf(chain),
    privateKey: readKey(message.x509SvidKey, leaf.der),
    ...(message.hint !== '' && { hint: message.hint }),
  };
};

/** The name of a trust domain as maps have it: an ID, or bare. */
const trustDomainNamed = (key: string): TrustDomain =>
  reading('the name of a trust domain', () => {
    if (!key.startsWith('spiffe://')) return parseTrustDomain(key);
    const id = parseSpiffeId(key);
    if (pathOf(id) !== '') throw malformed('a bundle under an ID with a path');
    return trustDomainOf(id);
  });

/** The entries of a map of bundles; an empty one is one that was withdrawn (WLAPI-9), and is left out. */
export const bundleEntries = (map: Readonly<Record<string, Buffer>>): ReadonlyMap<TrustDomain, Buffer> => {
  const entries = new Map<TrustDomain, Buffer>();
  for (const [key, bytes] of Object.entries(map)) {
    const trustDomain = trustDomainNamed(key);
    if (entries.has(trustDomain)) throw malformed(`two bundles of ${trustDomain}`);
    entries.set(trustDomain, bytes);
  }
  for (const [trustDomain, { length }] of entries) if (length === 0) entries.delete(trustDomain);
  return entries;
};

const isSameBundle = (a: X509Bundle, b: X509Bundle): boolean => a.pem === b.pem;

/** Of several SVIDs with one hint the first counts (WLAPI-23). */
const withoutRepeatedHints = (svids: readonly X509Svid[]): readonly X509Svid[] => {
  const seen = new Set<string>();
  return svids.filter(({ hint }) => {
    if (hint === undefined) return true;
    const isFirst = !seen.has(hint);
    seen.add(hint);
    return isFirst;
  });
};

/**
 * Reads a message of `FetchX509SVID`. Refuses it as a whole, with `malformed_response`: no SVID, an empty field (WLAPI-8), DER
 * that is not strict, a leaf that is none, a key of another leaf, a bundle that holds something else than CAs, two
 * different bundles of one trust domain. A federated bundle never replaces the one that came with the SVID.
 */
export const readX509Context = ({ svids, federatedBundles }: X509SvidResponse): X509Context => {
  if (svids.length === 0) throw malformed('no SVID');
  const read = svids.map(readSvid);
  const bundles = new Map<TrustDomain, X509Bundle>();
  for (const [at, { spiffeId }] of read.entries()) {
    const bundle = readBundle(trustDomainOf(spiffeId), svids[at]?.bundle ?? Buffer.alloc(0));
    const known = bundles.get(bundle.trustDomain);
    if (known && !isSameBundle(known, bundle)) throw malformed(`two bundles of ${bundle.trustDomain}`);
    bundles.set(bundle.trustDomain, bundle);
  }
  for (const [trustDomain, bytes] of bundleEntries(federatedBundles)) {
    if (!bundles.has(trustDomain)) bundles.set(trustDomain, readBundle(trustDomain, bytes));
  }
  return { svids: withoutRepeatedHints(read), bundles };
};

/** Reads a message of `FetchX509Bundles`; refuses an empty one, and one with a bundle that cannot be read. */
export const readX509Bundles = ({ bundles }: BundlesResponse): ReadonlyMap<TrustDomain, X509Bundle> => {
  const entries = bundleEntries(bundles);
  if (entries.size === 0) throw malformed('no bundle');
  return new Map([...entries].map(([trustDomain, bytes]) => [trustDomain, readBundle(trustDomain, bytes)]));
};

/** The private key in PEM (PKCS #8), for who has to write it down or hand it on. */
export const privateKeyPem = ({ privateKey }: X509Svid): string =>
  privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
