import type { SigningAlgorithm } from '../domain/authority.ts';
import type { RecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import type { TrustDomain } from '../domain/trust-domain.ts';
import type { X509Issuer, X509Subject } from '../domain/x509-profile.ts';
import { readCertificate, type Certificate } from './certificate.ts';
import { assembleCsr, csrInfo } from './csr-writer.ts';
import { bitString, sequence, smallInteger, TRUE } from './der.ts';
import { DerError } from './der-reader.ts';
import {
  assembleCertificate,
  authorityKeyIdentifier,
  BASIC_CONSTRAINTS,
  distinguishedName,
  extension,
  KEY_USAGE,
  keyIdentifier,
  SUBJECT_ALTERNATIVE_NAME,
  subjectKeyIdentifier,
  tbsCertificate,
  uriName,
  x509Signature,
} from './x509-certificate.ts';

/** A private key that signs bytes; ECDSA answers r‖s. Every `Signer` is one. */
export interface CertificateSigner {
  readonly algorithm: SigningAlgorithm;
  sign(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** What a signing certificate says of itself, also before it has an issuer. */
export interface CaIdentity {
  readonly trustDomain: TrustDomain;
  readonly subject: X509Subject;
  readonly spki: Uint8Array;
  /** How many CAs may stand below it in a chain; absent: any number. */
  readonly pathLength?: number;
}

export interface CaPlan extends CaIdentity {
  readonly serial: RecordId;
  /** Unix seconds. Further back than the `notBefore` of any leaf it will sign (DEC-25). */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Absent: it signs itself. */
  readonly issuer?: Omit<X509Issuer, 'algorithm'>;
}

/**
 * The subject of a CA: no two generations of a trust domain have the same, because OpenSSL and others build chains by name
 * (X509-38, DEC-25). The number and the beginning of the key's id keep them apart.
 */
export const caSubject = (
  trustDomain: TrustDomain,
  role: 'root' | 'issuing',
  generation: number,
  keyId: string,
): X509Subject => ({
  ...(trustDomain.length <= 64 ? { organization: trustDomain } : {}),
  commonName: `Mayfly ${role} ${generation} ${keyId.slice(0, 8)}`,
});

const KEY_CERT_SIGN_AND_CRL_SIGN = bitString(Buffer.of(0b0000_0110), 1);

/**
 * Basic constraints, key usage, key identifier and the trust domain's SPIFFE ID (X509-30 … X509-33, X509-38). No extended
 * key usage (X509-37) and no name constraints (X509-36).
 */
const identityExtensions = ({ trustDomain, spki, pathLength }: CaIdentity): Buffer[] => [
  extension(
    BASIC_CONSTRAINTS,
    true,
    pathLength === undefined ? sequence(TRUE) : sequence(TRUE, smallInteger(pathLength)),
  ),
  extension(KEY_USAGE, true, KEY_CERT_SIGN_AND_CRL_SIGN),
  subjectKeyIdentifier(keyIdentifier(spki)),
  extension(SUBJECT_ALTERNATIVE_NAME, false, sequence(uriName(`spiffe://${trustDomain}`))),
];

/** A signing certificate in DER: a root when the plan names no issuer, else an issuing CA. `signer` is the issuer's key. */
export const createCaCertificate = async (plan: CaPlan, signer: CertificateSigner): Promise<Buffer> => {
  const subjectName = distinguishedName(plan.subject);
  const extensions = identityExtensions(plan);
  if (plan.issuer !== undefined) extensions.push(authorityKeyIdentifier(plan.issuer.keyId));
  const tbs = tbsCertificate({
    serial: plan.serial,
    algorithm: signer.algorithm,
    issuerName: plan.issuer?.nameDer ?? subjectName,
    notBefore: plan.notBefore,
    notAfter: plan.notAfter,
    subjectName,
    spki: plan.spki,
    extensions,
  });
  const signature = x509Signature(signer.algorithm, await signer.sign(tbs));
  return assembleCertificate(tbs, signer.algorithm, signature);
};

/** The request of an issuing CA to an offline root, with the names and extensions to give it. `signer` is its own key. */
export const createCaCsr = async (identity: CaIdentity, signer: CertificateSigner): Promise<Buffer> => {
  const info = csrInfo({
    spki: identity.spki,
    subjectName: distinguishedName(identity.subject),
    extensions: identityExtensions(identity),
  });
  return assembleCsr(info, signer.algorithm, x509Signature(signer.algorithm, await signer.sign(info)));
};

/** A certificate that may sign certificates, with a subject and a key identifier that leaves can name. */
export interface CaCertificate extends Certificate {
  readonly subjectKeyId: Uint8Array;
  readonly isSelfIssued: boolean;
}

const MAX_CA_CERTIFICATE_BYTES = 16 * 1024;
const EMPTY_NAME_BYTES = 2;

const readOrRefuse = (der: Uint8Array): Certificate => {
  try {
    return readCertificate(der);
  } catch (error) {
    if (error instanceof DerError)
      throw new Refusal('invalid_request', `the CA certificate is malformed: ${error.message}`);
    throw error;
  }
};

/** Says why a certificate cannot be a signing authority of ours, or nothing. */
const caProblem = (certificate: Certificate): string | undefined => {
  if (certificate.basicConstraints?.ca !== true) return 'it is not a CA';
  if (certificate.keyUsage?.has('keyCertSign') !== true) return 'its key usage lacks keyCertSign';
  if (certificate.subjectKeyId === undefined) return 'it has no subject key identifier';
  return certificate.subjectName.length === EMPTY_NAME_BYTES ? 'its subject is empty' : undefined;
};

/**
 * Reads a CA certificate that was made elsewhere: an operator's root, or our issuing CA as an offline root has signed it.
 * Refuses with `invalid_request`, and the reason in the detail, what is not a well-formed CA certificate with subject and
 * subject key identifier. Signature, validity and trust are for `verifyCertificatePath`.
 */
export const readCaCertificate = (der: Uint8Array): CaCertificate => {
  if (der.length > MAX_CA_CERTIFICATE_BYTES)
    throw new Refusal('invalid_request', 'a CA certificate has at most 16 KiB');
  const certificate = readOrRefuse(der);
  const problem = caProblem(certificate);
  if (problem !== undefined || certificate.subjectKeyId === undefined) {
    throw new Refusal('invalid_request', `the certificate cannot be a signing authority: ${problem}`);
  }
  return {
    ...certificate,
    subjectKeyId: certificate.subjectKeyId,
    isSelfIssued: Buffer.compare(certificate.subjectName, certificate.issuerName) === 0,
  };
};
