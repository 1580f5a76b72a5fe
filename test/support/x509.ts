import { generateKeyPairSync, hash, sign, type KeyObject } from 'node:crypto';
import type { SigningAlgorithm } from '../../src/domain/authority.ts';
import { instant, type Instant } from '../../src/domain/instant.ts';
import { recordId, type RecordId } from '../../src/domain/record-id.ts';
import { parseSpiffeId } from '../../src/domain/spiffe-id.ts';
import { parseTrustDomain } from '../../src/domain/trust-domain.ts';
import type { KeyType, X509LeafPlan } from '../../src/domain/x509-profile.ts';
import {
  caSubject,
  createCaCertificate,
  readCaCertificate,
  type CaCertificate,
  type CaPlan,
  type CertificateSigner,
} from '../../src/formats/ca-certificate.ts';
import { assembleCertificate, leafTbs, x509Signature } from '../../src/formats/x509-leaf.ts';
import type { X509LeafExpectation } from '../../src/verify/x509-leaf.ts';

/** Half past six on 15 November 2026, in Unix seconds. */
export const NOW = 1_794_767_400;
export const NOW_INSTANT: Instant = instant(NOW * 1000);
export const TRUST_DOMAIN = parseTrustDomain('example.org');
const DAY = 86_400;

export interface TestKey {
  readonly type: KeyType;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly spki: Buffer;
}

const newPair = (type: KeyType) => {
  if (type === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  return generateKeyPairSync('ec', { namedCurve: type === 'p256' ? 'P-256' : 'P-384' });
};

export const newKey = (type: KeyType = 'p256'): TestKey => {
  const { privateKey, publicKey } = newPair(type);
  return { type, privateKey, publicKey, spki: publicKey.export({ type: 'spki', format: 'der' }) };
};

const ALGORITHM: Record<KeyType, SigningAlgorithm> = { p256: 'ES256', p384: 'ES384', rsa: 'RS256' };

/** Answers as the `Signer` port does: r‖s for ECDSA. */
export const signerOf = ({ type, privateKey }: TestKey): CertificateSigner => ({
  algorithm: ALGORITHM[type],
  sign: (bytes) => sign(type === 'p384' ? 'sha384' : 'sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
});

let serials = 0;

/** A serial that no other call gives. */
export const newSerial = (): RecordId => {
  serials += 1;
  const counter = Buffer.alloc(10);
  counter.writeUInt32BE(serials, 6);
  return recordId(NOW_INSTANT, counter);
};

export interface TestCa {
  readonly key: TestKey;
  readonly certificate: CaCertificate;
}

const keyName = (key: TestKey): string => hash('sha256', key.spki, 'hex');

/** A CA; a root unless `issuer` is given. */
export const newCa = async (
  issuer?: TestCa,
  key: TestKey = newKey(),
  changes: Partial<CaPlan> = {},
): Promise<TestCa> => {
  const der = await createCaCertificate(
    {
      serial: newSerial(),
      trustDomain: TRUST_DOMAIN,
      subject: caSubject(TRUST_DOMAIN, issuer === undefined ? 'root' : 'issuing', 1, keyName(key)),
      spki: key.spki,
      notBefore: NOW - DAY,
      notAfter: NOW + 7 * DAY,
      ...(issuer === undefined
        ? {}
        : {
            pathLength: 0,
            issuer: { nameDer: issuer.certificate.subjectName, keyId: issuer.certificate.subjectKeyId },
          }),
      ...changes,
    },
    signerOf(issuer?.key ?? key),
  );
  return { key, certificate: readCaCertificate(der) };
};

/** The plan of a plain leaf below `ca`, with `changes`. */
export const leafPlan = (ca: TestCa, key: TestKey, changes: Partial<X509LeafPlan> = {}): X509LeafPlan => ({
  serial: newSerial(),
  spiffeId: parseSpiffeId('spiffe://example.org/payments/api'),
  subject: { organization: 'example.org' },
  dnsNames: [],
  ipAddresses: [],
  notBefore: NOW - 10,
  notAfter: NOW + 3600,
  spki: key.spki,
  keyType: key.type,
  issuer: {
    nameDer: ca.certificate.subjectName,
    keyId: ca.certificate.subjectKeyId,
    algorithm: ALGORITHM[ca.key.type],
  },
  ...changes,
});

/** Signs the planned leaf with the CA's key. */
export const issueLeaf = async (ca: TestCa, plan: X509LeafPlan): Promise<Buffer> => {
  const signer = signerOf(ca.key);
  const tbs = leafTbs(plan);
  return assembleCertificate(tbs, signer.algorithm, x509Signature(signer.algorithm, await signer.sign(tbs)));
};

/** What the read-back check is told about a planned leaf. */
export const expectationOf = (ca: TestCa, plan: X509LeafPlan): X509LeafExpectation => ({
  ...plan,
  digest: hash('sha256', leafTbs(plan), 'hex'),
  issuerPublicKey: ca.key.publicKey,
  issuerValidity: ca.certificate,
});
