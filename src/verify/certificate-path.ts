import type { Instant } from '../domain/instant.ts';
import type { Certificate } from '../formats/certificate.ts';
import { EXTENSION } from '../formats/certificate-extensions.ts';
import { certificateKey, isSignedBy } from './certificate-signature.ts';

/**
 * Path validation of RFC 5280 §6, narrowed to what Mayfly needs: no policies, no name constraints (a certificate that has
 * them is refused), names compared as bytes.
 */

/** Why a chain is not good. For the caller of this room to turn into a refusal. */
export class PathProblem extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PathProblem';
  }
}

export interface PathRequest {
  readonly leaf: Certificate;
  /** In any order; those that lead nowhere are ignored. */
  readonly intermediates: readonly Certificate[];
  /** Of one trust domain, never of several (X509-57). */
  readonly anchors: readonly Certificate[];
  readonly now: Instant;
  /** How much a clock may differ, on both ends of a validity; 0 to 60. */
  readonly leewaySeconds: number;
  /** Leaf and anchor included. */
  readonly maxCertificates: number;
}

/** A chain that verified, from the leaf to its anchor, with the time in which that stays true. Unix seconds. */
export interface CertificatePath {
  readonly certificates: readonly Certificate[];
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Bounds the work that a chain of look-alike issuers can cause. */
const MAX_SIGNATURE_CHECKS = 16;

const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 4096;
/** Roots are the operator's or a partner's choice, and old ones have long keys. */
const MAX_ANCHOR_RSA_BITS = 8192;
const MAX_RSA_EXPONENT = 0xffff_ffff;

const UNDERSTOOD = new Set<string>([
  EXTENSION.subjectKeyId,
  EXTENSION.authorityKeyId,
  EXTENSION.keyUsage,
  EXTENSION.basicConstraints,
  EXTENSION.extendedKeyUsage,
  EXTENSION.subjectAlternativeName,
]);

const keyProblem = ({ publicKey }: Certificate, maxRsaBits: number): string | undefined => {
  const { kind, bits, exponent = 0 } = publicKey;
  if (kind === 'other') return 'a key of a kind that is not supported';
  if (kind !== 'rsa') return undefined;
  if (bits < MIN_RSA_BITS || bits > maxRsaBits) return 'an RSA key that is too short or too long';
  return exponent < 3 || exponent > MAX_RSA_EXPONENT || exponent % 2 === 0
    ? 'an RSA key with a bad exponent'
    : undefined;
};

const validityProblem = (certificate: Certificate, { now, leewaySeconds }: PathRequest): string | undefined => {
  if (now + leewaySeconds * 1000 < certificate.notBefore * 1000) return 'a certificate that is not valid yet';
  return now - leewaySeconds * 1000 > certificate.notAfter * 1000 ? 'an expired certificate' : undefined;
};

/** A critical extension that is not understood makes the certificate unusable (RFC 5280 §4.2). */
const extensionProblem = (certificate: Certificate): string | undefined => {
  // Even when not critical: an issuer that is limited must not become unlimited.
  if (certificate.extensions.has(EXTENSION.nameConstraints)) return 'name constraints, which are not supported';
  for (const [type, { critical }] of certificate.extensions) {
    if (critical && !UNDERSTOOD.has(type)) return `a critical extension that is not understood: ${type}`;
  }
  return undefined;
};

const leafProblem = (request: PathRequest): string | undefined => {
  const { leaf } = request;
  const { keyUsage } = leaf;
  if (leaf.basicConstraints?.ca === true) return 'a CA certificate in place of a leaf';
  if (keyUsage?.has('keyCertSign') === true || keyUsage?.has('cRLSign') === true)
    return 'a leaf that may sign certificates';
  if (keyUsage?.has('digitalSignature') === false) return 'a leaf without digitalSignature';
  return validityProblem(leaf, request) ?? extensionProblem(leaf) ?? keyProblem(leaf, MAX_RSA_BITS);
};

/** `casBelow`: how many CA certificates stand between this one and the leaf. */
const issuerProblem = (
  issuer: Certificate,
  casBelow: number,
  isAnchor: boolean,
  request: PathRequest,
): string | undefined => {
  const { basicConstraints, keyUsage } = issuer;
  if (basicConstraints?.ca !== true) return 'an issuer that is not a CA';
  const maySign = keyUsage === undefined ? isAnchor : keyUsage.has('keyCertSign');
  if (!maySign) return 'an issuer without keyCertSign';
  if (casBelow > (basicConstraints.pathLength ?? casBelow)) return 'a chain longer than its issuer allows';
  return (
    validityProblem(issuer, request) ??
    extensionProblem(issuer) ??
    keyProblem(issuer, isAnchor ? MAX_ANCHOR_RSA_BITS : MAX_RSA_BITS)
  );
};

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Whether names and key identifiers agree; only then is a signature worth checking. */
const mayHaveIssued = (issuer: Certificate, child: Certificate): boolean => {
  if (!isSame(child.issuerName, issuer.subjectName)) return false;
  const { authorityKeyId } = child;
  const { subjectKeyId } = issuer;
  return authorityKeyId === undefined || subjectKeyId === undefined || isSame(authorityKeyId, subjectKeyId);
};

class Search {
  readonly #request: PathRequest;
  #checksLeft = MAX_SIGNATURE_CHECKS;
  /** The latest reason why a candidate fell away. */
  problem = 'no path to an authority of the trust domain';

  constructor(request: PathRequest) {
    this.#request = request;
  }

  #hasIssued(issuer: Certificate, child: Certificate, casBelow: number, isAnchor: boolean): boolean {
    if (!mayHaveIssued(issuer, child)) return false;
    const problem = issuerProblem(issuer, casBelow, isAnchor, this.#request);
    if (problem !== undefined) {
      this.problem = problem;
      return false;
    }
    if (this.#checksLeft === 0) throw new PathProblem('too many possible issuers');
    this.#checksLeft -= 1;
    const key = certificateKey(issuer);
    if (key !== undefined && isSignedBy(child, key)) return true;
    this.problem = 'a signature that does not verify';
    return false;
  }

  /** The path continued from `path` to an anchor; depth first, anchors before intermediates. */
  extend(path: readonly Certificate[], child: Certificate): readonly Certificate[] | undefined {
    const casBelow = path.length - 1;
    if (path.length >= this.#request.maxCertificates) {
      this.problem = `more than ${this.#request.maxCertificates} certificates`;
      return undefined;
    }
    for (const anchor of this.#request.anchors) {
      if (this.#hasIssued(anchor, child, casBelow, true)) return [...path, anchor];
    }
    for (const issuer of this.#request.intermediates) {
      if (path.includes(issuer) || !this.#hasIssued(issuer, child, casBelow, false)) continue;
      const found = this.extend([...path, issuer], issuer);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** Finds a valid path from the leaf to an anchor, or throws a `PathProblem` that names what is in the way. */
export const findCertificatePath = (request: PathRequest): CertificatePath => {
  const problem = leafProblem(request);
  if (problem !== undefined) throw new PathProblem(problem);
  const search = new Search(request);
  const certificates = search.extend([request.leaf], request.leaf);
  if (certificates === undefined) throw new PathProblem(search.problem);
  return {
    certificates,
    notBefore: Math.max(...certificates.map((certificate) => certificate.notBefore)),
    notAfter: Math.min(...certificates.map((certificate) => certificate.notAfter)),
  };
};
