import type { Instant } from '../domain/instant.ts';
import { unixSeconds } from '../domain/instant.ts';
import type { TrustDomain } from '../domain/trust-domain.ts';
import type { CaCertificate } from '../formats/ca-certificate.ts';
import { EXTENSION } from '../formats/certificate-extensions.ts';
import { certificateKey, isSignedBy } from './certificate-signature.ts';

/** Whether a certificate may be a signing authority of the trust domain, judged apart from the code that makes ours. */
export interface CaExpectation {
  readonly trustDomain: TrustDomain;
  readonly now: Instant;
  /** Seconds that it has to stay valid from now on. */
  readonly minLife: number;
}

const UNDERSTOOD = new Set<string>([
  EXTENSION.subjectKeyId,
  EXTENSION.authorityKeyId,
  EXTENSION.keyUsage,
  EXTENSION.basicConstraints,
  EXTENSION.extendedKeyUsage,
  EXTENSION.subjectAlternativeName,
]);

const SERVER_AND_CLIENT = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'];

const keyProblems = ({ publicKey }: CaCertificate): string[] => {
  const { kind, bits, exponent } = publicKey;
  if (kind === 'p256' || kind === 'p384') return [];
  if (kind !== 'rsa') return ['its key is neither P-256, P-384 nor RSA'];
  const isGood = bits >= 2048 && bits <= 4096 && exponent === 65_537;
  return isGood ? [] : ['its RSA key does not have 2048 to 4096 bits and the exponent 65537'];
};

/** X509-33: a signing certificate names its trust domain, or nothing. */
const nameProblems = ({ alternativeNames }: CaCertificate, trustDomain: TrustDomain): string[] => {
  const uris = alternativeNames?.uris ?? [];
  return uris.every((uri) => Buffer.from(uri).toString('latin1') === `spiffe://${trustDomain}`)
    ? []
    : ['it carries the name of something else'];
};

const extensionProblems = ({ extensions, extendedKeyUsage }: CaCertificate): string[] => {
  const problems: string[] = [];
  if (extensions.has(EXTENSION.nameConstraints)) problems.push('it has name constraints, which many readers refuse');
  for (const [type, { critical }] of extensions) {
    const isKnown = UNDERSTOOD.has(type) || type === EXTENSION.nameConstraints;
    if (critical && !isKnown) problems.push(`it has a critical extension that is not understood: ${type}`);
  }
  if (extendedKeyUsage !== undefined && !SERVER_AND_CLIENT.every((use) => extendedKeyUsage.includes(use))) {
    problems.push('its extended key usage does not allow both TLS servers and TLS clients');
  }
  return problems;
};

const validityProblems = (certificate: CaCertificate, { now, minLife }: CaExpectation): string[] => {
  const seconds = unixSeconds(now);
  if (seconds < certificate.notBefore) return ['it is not valid yet'];
  if (seconds >= certificate.notAfter) return ['it has expired'];
  return certificate.notAfter - seconds < minLife ? [`it ends in less than ${minLife} seconds`] : [];
};

const commonProblems = (certificate: CaCertificate, expected: CaExpectation): string[] => [
  ...keyProblems(certificate),
  ...nameProblems(certificate, expected.trustDomain),
  ...extensionProblems(certificate),
  ...validityProblems(certificate, expected),
];

const isSignedWith = (certificate: CaCertificate, issuer: CaCertificate): boolean => {
  const key = certificateKey(issuer);
  return key !== undefined && isSignedBy(certificate, key);
};

/** Everything that keeps a certificate from being a root of ours; empty when it may be one (X509-30 … X509-38, X509-72). */
export const rootProblems = (certificate: CaCertificate, expected: CaExpectation): string[] => {
  const problems = commonProblems(certificate, expected);
  const isSelfSigned = certificate.isSelfIssued && isSignedWith(certificate, certificate);
  if (!isSelfSigned) problems.push('it is not signed by its own key with ECDSA or RSA and SHA-2');
  const pathLength = certificate.basicConstraints?.pathLength;
  if (pathLength === 0) problems.push('its path length leaves no room for an issuing CA');
  return problems;
};

/**
 * Everything that keeps a certificate from being our issuing CA right below `root`; empty when it may be. `spki` is the
 * key that we asked for.
 */
export const issuingCaProblems = (
  certificate: CaCertificate,
  root: CaCertificate,
  expected: CaExpectation & { readonly spki: Uint8Array },
): string[] => {
  const problems = commonProblems(certificate, expected);
  if (Buffer.compare(certificate.spki, expected.spki) !== 0) problems.push('it is for another key than ours');
  if (Buffer.compare(certificate.issuerName, root.subjectName) !== 0) problems.push('it names another issuer');
  if (certificate.isSelfIssued) problems.push('it has the same subject as its issuer');
  const { authorityKeyId } = certificate;
  if (authorityKeyId !== undefined && Buffer.compare(authorityKeyId, root.subjectKeyId) !== 0) {
    problems.push('its authority key identifier is not that of the root');
  }
  if (!isSignedWith(certificate, root)) problems.push('the root has not signed it');
  if (certificate.notAfter > root.notAfter) problems.push('it outlives the root');
  return problems;
};
