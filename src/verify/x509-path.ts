import { hash } from 'node:crypto';
import type { Instant } from '../domain/instant.ts';
import { Refusal, type RefusalCode } from '../domain/refusal.ts';
import { pathOf, spiffeIdProblem, trustDomainOf, type SpiffeId } from '../domain/spiffe-id.ts';
import type { TrustDomain } from '../domain/trust-domain.ts';
import { readCertificate, type Certificate } from '../formats/certificate.ts';
import { DerError } from '../formats/der-reader.ts';
import { findCertificatePath, PathProblem, type CertificatePath, type PathRequest } from './certificate-path.ts';

/** Bounds that hold before any byte is parsed or any signature is checked (X509-50, design.md §10). */
export interface ChainLimits {
  /** Sent certificates, leaf included; also the length of the path with its anchor. */
  readonly maxCertificates: number;
  readonly maxCertificateBytes: number;
}

const DEFAULT_CHAIN_LIMITS: ChainLimits = { maxCertificates: 5, maxCertificateBytes: 16 * 1024 };

/** The most that clocks may differ (design.md §10). */
export const MAX_LEEWAY_SECONDS = 60;

/** A chain as it was presented: parsed and bounded, not verified. */
export interface PresentedChain {
  readonly leaf: Certificate;
  readonly intermediates: readonly Certificate[];
  readonly maxCertificates: number;
}

/** A chain whose leaf has the form of an X.509-SVID. Nothing of it may be believed before `verifyX509Svid`. */
export interface PresentedX509Svid extends PresentedChain {
  readonly spiffeId: SpiffeId;
}

type ChainRefusal = Extract<RefusalCode, 'invalid_svid' | 'attestation_refused'>;

const PUBLIC_DETAIL: Record<ChainRefusal, string> = {
  invalid_svid: 'the X.509-SVID is not accepted',
  attestation_refused: 'the certificate is not accepted',
};

const refusal = (code: ChainRefusal, reason: string): Refusal => new Refusal(code, PUBLIC_DETAIL[code], { reason });

const readChain = (chain: readonly Uint8Array[], limits: ChainLimits, code: ChainRefusal): PresentedChain => {
  if (chain.length > limits.maxCertificates) throw refusal(code, `more than ${limits.maxCertificates} certificates`);
  if (chain.some((der) => der.length > limits.maxCertificateBytes)) {
    throw refusal(code, `a certificate of more than ${limits.maxCertificateBytes} bytes`);
  }
  try {
    const [leaf, ...intermediates] = chain.map(readCertificate);
    if (leaf === undefined) throw refusal(code, 'no certificate');
    return { leaf, intermediates, maxCertificates: limits.maxCertificates };
  } catch (error) {
    if (error instanceof DerError) throw refusal(code, `a malformed certificate: ${error.message}`);
    throw error;
  }
};

/** Reads a node's certificate chain, leaf first, in DER. Refuses with `attestation_refused`. */
export const readCertificateChain = (
  chain: readonly Uint8Array[],
  limits: ChainLimits = DEFAULT_CHAIN_LIMITS,
): PresentedChain => readChain(chain, limits, 'attestation_refused');

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** The SPIFFE ID from the octets of the only URI name (X509-53 … X509-56), or what is wrong. */
const spiffeIdOf = (leaf: Certificate): SpiffeId => {
  const uris = leaf.alternativeNames?.uris ?? [];
  const [uri] = uris;
  if (uri === undefined || uris.length > 1) throw refusal('invalid_svid', `${uris.length} URI names in place of one`);
  // Latin-1 keeps each octet a character of its own, so that the ID's scanner judges the octets themselves.
  const text = Buffer.from(uri).toString('latin1');
  const problem = spiffeIdProblem(text);
  if (problem !== undefined) throw refusal('invalid_svid', problem);
  if (pathOf(text as SpiffeId) === '') throw refusal('invalid_svid', 'the SPIFFE ID of a leaf has a path');
  return text as SpiffeId;
};

/**
 * Reads an X.509-SVID, leaf first, each certificate in DER, and names the SPIFFE ID that it claims. Refuses with
 * `invalid_svid` what is out of bounds, malformed, or cannot be an SVID whoever signed it: not exactly one URI name, an
 * invalid ID or one without path, no key usage (X509-3), an extended key usage without both TLS purposes (X509-17).
 */
export const readX509Svid = (
  chain: readonly Uint8Array[],
  limits: ChainLimits = DEFAULT_CHAIN_LIMITS,
): PresentedX509Svid => {
  const presented = readChain(chain, limits, 'invalid_svid');
  const { keyUsage, extendedKeyUsage } = presented.leaf;
  const spiffeId = spiffeIdOf(presented.leaf);
  if (keyUsage === undefined) throw refusal('invalid_svid', 'a leaf without key usage');
  if (extendedKeyUsage !== undefined && ![SERVER_AUTH, CLIENT_AUTH].every((use) => extendedKeyUsage.includes(use))) {
    throw refusal('invalid_svid', 'an extended key usage without both serverAuth and clientAuth');
  }
  return { ...presented, spiffeId };
};

const findPath = (request: PathRequest, code: ChainRefusal): CertificatePath => {
  if (!(request.leewaySeconds >= 0 && request.leewaySeconds <= MAX_LEEWAY_SECONDS)) {
    throw new RangeError(`a leeway is 0 to ${MAX_LEEWAY_SECONDS} seconds`);
  }
  try {
    return findCertificatePath(request);
  } catch (error) {
    if (error instanceof PathProblem) throw refusal(code, error.message);
    throw error;
  }
};

/** What is known of a leaf whose chain verified. Times in Unix seconds. */
export interface VerifiedLeaf {
  readonly leaf: Certificate;
  readonly serial: string;
  readonly spki: Uint8Array;
  /** SHA-256 of the leaf's DER, hexadecimal. */
  readonly sha256: string;
  /** From the leaf to its anchor. */
  readonly path: readonly Certificate[];
  /** The whole path is valid from here … */
  readonly notBefore: number;
  /** … to here, which is as long as the answer may be cached. */
  readonly notAfter: number;
}

const verifiedLeaf = (path: CertificatePath, leaf: Certificate): VerifiedLeaf => ({
  leaf,
  serial: leaf.serial,
  spki: leaf.spki,
  sha256: hash('sha256', leaf.der, 'hex'),
  path: path.certificates,
  notBefore: path.notBefore,
  notAfter: path.notAfter,
});

export interface X509SvidVerification {
  readonly svid: PresentedX509Svid;
  /** The authorities of one trust domain; undefined when there is no bundle for it. Asked once, for the ID's own (X509-57). */
  readonly rootsOf: (trustDomain: TrustDomain) => readonly Certificate[] | undefined;
  readonly now: Instant;
  /** 0 to 60; 0 when absent. */
  readonly leewaySeconds?: number;
}

export interface VerifiedX509Svid extends VerifiedLeaf {
  readonly spiffeId: SpiffeId;
}

/**
 * Verifies an X.509-SVID against the authorities of its own trust domain (X509-50 … X509-58). Refuses with `invalid_svid`;
 * the reason is for the operator. It does not check revocation, nor that the peer holds the key.
 */
export const verifyX509Svid = ({ svid, rootsOf, now, leewaySeconds = 0 }: X509SvidVerification): VerifiedX509Svid => {
  const anchors = rootsOf(trustDomainOf(svid.spiffeId));
  if (anchors === undefined) throw refusal('invalid_svid', 'no bundle for the trust domain');
  const path = findPath({ ...svid, anchors, now, leewaySeconds }, 'invalid_svid');
  return { spiffeId: svid.spiffeId, ...verifiedLeaf(path, svid.leaf) };
};

export interface CertificatePathVerification {
  readonly chain: PresentedChain;
  readonly anchors: readonly Certificate[];
  readonly now: Instant;
  /** 0 to 60; 0 when absent. */
  readonly leewaySeconds?: number;
}

/**
 * Verifies a node's certificate against an operator's authorities, without the SPIFFE rules. Refuses with
 * `attestation_refused`. It does not check revocation, nor that the node holds the key.
 */
export const verifyCertificatePath = ({
  chain,
  anchors,
  now,
  leewaySeconds = 0,
}: CertificatePathVerification): VerifiedLeaf =>
  verifiedLeaf(findPath({ ...chain, anchors, now, leewaySeconds }, 'attestation_refused'), chain.leaf);
