import type { KeyType, X509LeafPlan } from '../domain/x509-profile.ts';
import { bitString, contextPrimitive, objectIdentifier, sequence } from './der.ts';
import { ipAddressOctets } from './ip-address.ts';
import {
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
} from './x509-certificate.ts';

export { assembleCertificate, x509Signature } from './x509-certificate.ts';

const DIGITAL_SIGNATURE = bitString(Buffer.of(0b1000_0000), 7);
const DIGITAL_SIGNATURE_AND_KEY_ENCIPHERMENT = bitString(Buffer.of(0b1010_0000), 5);

/** What is the same in each leaf of one kind of key: basic constraints, key usage, extended key usage. */
const constantExtensions = (keyUsage: Uint8Array): Buffer =>
  Buffer.concat([
    // Present though its content is the default, because some SVID libraries refuse a leaf without it (X509-13).
    extension(BASIC_CONSTRAINTS, true, sequence()),
    extension(KEY_USAGE, true, keyUsage),
    extension(
      objectIdentifier('2.5.29.37'),
      false,
      sequence(objectIdentifier('1.3.6.1.5.5.7.3.1'), objectIdentifier('1.3.6.1.5.5.7.3.2')),
    ),
  ]);

const EC_EXTENSIONS = constantExtensions(DIGITAL_SIGNATURE);

/** Key encipherment for the RSA key exchange of TLS 1.2; key agreement never (DEC-25). */
const CONSTANT_EXTENSIONS: Record<KeyType, Buffer> = {
  p256: EC_EXTENSIONS,
  p384: EC_EXTENSIONS,
  rsa: constantExtensions(DIGITAL_SIGNATURE_AND_KEY_ENCIPHERMENT),
};

const DNS_NAME = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/i;

const dnsName = (name: string): Buffer => {
  if (name.length > 253 || !DNS_NAME.test(name)) throw new RangeError('a DNS name that no certificate can hold');
  return contextPrimitive(2, Buffer.from(name, 'latin1'));
};

const subjectAlternativeName = (plan: X509LeafPlan): Buffer => {
  const isSubjectEmpty = plan.subject.organization === undefined && plan.subject.commonName === undefined;
  return extension(
    SUBJECT_ALTERNATIVE_NAME,
    isSubjectEmpty,
    sequence(
      uriName(plan.spiffeId),
      ...plan.dnsNames.map(dnsName),
      ...plan.ipAddresses.map((address) => contextPrimitive(7, ipAddressOctets(address))),
    ),
  );
};

/**
 * The bytes to be signed of an X.509-SVID: version 3, one URI SAN (X509-1), the extensions of the table in X509-SVID §4 and
 * nothing else. Writes what the plan says and decides nothing; a plan that cannot be written throws a RangeError.
 */
export const leafTbs = (plan: X509LeafPlan): Buffer => {
  if (plan.notAfter < plan.notBefore) throw new RangeError('a certificate that ends before it begins');
  return tbsCertificate({
    serial: plan.serial,
    algorithm: plan.issuer.algorithm,
    issuerName: plan.issuer.nameDer,
    notBefore: plan.notBefore,
    notAfter: plan.notAfter,
    subjectName: distinguishedName(plan.subject),
    spki: plan.spki,
    extensions: [
      CONSTANT_EXTENSIONS[plan.keyType],
      subjectKeyIdentifier(keyIdentifier(plan.spki)),
      authorityKeyIdentifier(plan.issuer.keyId),
      subjectAlternativeName(plan),
    ],
  });
};
