import type { SigningAlgorithm } from './authority.ts';
import { unixSeconds, type Instant } from './instant.ts';
import type { RecordId } from './record-id.ts';
import { Refusal } from './refusal.ts';
import { pathOf, trustDomainOf, type SpiffeId } from './spiffe-id.ts';

/** The kinds of key a workload may have (DEC-20); `rsa` has 2048 to 4096 bits and e = 65537. */
export type KeyType = 'p256' | 'p384' | 'rsa';

/** Both members optional; without any the subject is empty, and the SAN extension becomes critical (X509-11). */
export interface X509Subject {
  readonly organization?: string;
  readonly commonName?: string;
}

/** What a certificate takes from the one that signs it. */
export interface X509Issuer {
  /** The subject of the CA certificate, as its own DER bytes: chain building compares bytes (X509-38). */
  readonly nameDer: Uint8Array;
  /** The CA certificate's subject key identifier. */
  readonly keyId: Uint8Array;
  readonly algorithm: SigningAlgorithm;
}

/** Everything a leaf certificate says, decided before a byte is written. Times in Unix seconds. */
export interface X509LeafPlan {
  readonly serial: RecordId;
  readonly spiffeId: SpiffeId;
  readonly subject: X509Subject;
  readonly dnsNames: readonly string[];
  /** For the server's own certificate. */
  readonly ipAddresses: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
  /** SubjectPublicKeyInfo in DER, as `readCsr` has checked it. */
  readonly spki: Uint8Array;
  readonly keyType: KeyType;
  readonly issuer: X509Issuer;
}

const DEFAULT_X509_TTL_SECONDS = 3600;
const MIN_X509_TTL_SECONDS = 300;
/** Where rotation is tried out (`mayfly dev`): short enough to watch it. */
export const MIN_TRIAL_X509_TTL_SECONDS = 10;
export const MAX_X509_TTL_SECONDS = 86_400;
/** How far `notBefore` lies back, for verifiers whose clock is behind (X509-18). */
const DEFAULT_BACKDATE_SECONDS = 10;

/** RFC 5280 appendix A: upper bounds of organization and common name, in characters. */
const MAX_NAME_CHARACTERS = 64;

/** Says what is wrong with the TTL of an X.509-SVID in seconds, or nothing when it is within bounds. */
export const x509TtlProblem = (seconds: number, least = MIN_X509_TTL_SECONDS): string | undefined =>
  Number.isSafeInteger(seconds) && seconds >= least && seconds <= MAX_X509_TTL_SECONDS
    ? undefined
    : `the TTL of an X.509-SVID is ${least} to ${MAX_X509_TTL_SECONDS} seconds`;

/** Says what is wrong with a common name, or nothing when it may stand in a subject (DEC-25). */
export const commonNameProblem = (text: string): string | undefined => {
  if (text.length === 0) return 'a common name is not empty';
  if (text.length > MAX_NAME_CHARACTERS) return `a common name has at most ${MAX_NAME_CHARACTERS} characters`;
  return /^[^\p{C}]*$/u.test(text) ? undefined : 'a common name holds no control characters';
};

/** `O=<trust domain>`, left out above 64 bytes, then the common name where there is one (DEC-25). */
export const x509Subject = (spiffeId: SpiffeId, commonName?: string): X509Subject => {
  const trustDomain = trustDomainOf(spiffeId);
  return {
    ...(trustDomain.length <= MAX_NAME_CHARACTERS ? { organization: trustDomain } : {}),
    ...(commonName === undefined ? {} : { commonName }),
  };
};

export interface X509LeafRequest {
  readonly now: Instant;
  readonly serial: RecordId;
  readonly spiffeId: SpiffeId;
  readonly spki: Uint8Array;
  readonly keyType: KeyType;
  /** Seconds; `DEFAULT_X509_TTL_SECONDS` when absent. */
  readonly ttl?: number;
  /** Seconds: what `ttl` may be at least; `MIN_X509_TTL_SECONDS` when absent. */
  readonly minTtl?: number;
  readonly commonName?: string;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** Seconds; `DEFAULT_BACKDATE_SECONDS` when absent. */
  readonly backdate?: number;
  /** The signing authority with its own validity in Unix seconds, which no leaf leaves. */
  readonly issuer: X509Issuer & { readonly notBefore: number; readonly notAfter: number };
}

/**
 * Decides the content of a leaf certificate. `notBefore` lies a little back, `notAfter` is `now + ttl`, and both stay
 * inside the issuer's validity (X509-18).
 *
 * Refuses an ID without a path (X509-10), a TTL out of bounds and a bad common name with `invalid_entry`, and an issuer
 * that is not valid now with `unavailable`.
 */
export const planX509Leaf = (request: X509LeafRequest): X509LeafPlan => {
  const { spiffeId, issuer, commonName, ttl = DEFAULT_X509_TTL_SECONDS } = request;
  if (pathOf(spiffeId) === '') {
    throw new Refusal('invalid_entry', 'the SPIFFE ID of a workload has a path', { field: 'spiffeId' });
  }
  const ttlProblem = x509TtlProblem(ttl, request.minTtl);
  if (ttlProblem !== undefined) throw new Refusal('invalid_entry', ttlProblem, { field: 'x509Ttl' });
  const nameProblem = commonName === undefined ? undefined : commonNameProblem(commonName);
  if (nameProblem !== undefined) throw new Refusal('invalid_entry', nameProblem, { field: 'commonName' });

  const now = unixSeconds(request.now);
  if (now < issuer.notBefore || now >= issuer.notAfter) {
    throw new Refusal('unavailable', 'the signing authority is not valid now');
  }
  return {
    serial: request.serial,
    spiffeId,
    subject: x509Subject(spiffeId, commonName),
    dnsNames: request.dnsNames ?? [],
    ipAddresses: request.ipAddresses ?? [],
    notBefore: Math.max(now - (request.backdate ?? DEFAULT_BACKDATE_SECONDS), issuer.notBefore),
    notAfter: Math.min(now + ttl, issuer.notAfter),
    spki: request.spki,
    keyType: request.keyType,
    issuer: { nameDer: issuer.nameDer, keyId: issuer.keyId, algorithm: issuer.algorithm },
  };
};
