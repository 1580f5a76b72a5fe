import { X509Certificate as NodeCertificate } from 'node:crypto';
import { parseTrustDomain } from '../../src/domain/trust-domain.ts';
import { caSubject, createCaCsr, readCaCertificate } from '../../src/formats/ca-certificate.ts';
import { readCsr } from '../../src/formats/csr.ts';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  X509Certificate as PeculiarCertificate,
} from '../support/peculiar-x509.ts';
import { issueLeaf, leafPlan, newCa, newKey, signerOf, TRUST_DOMAIN } from '../support/x509.ts';

describe.each(['p256', 'p384', 'rsa'] as const)('authorities of type %s', (type) => {
  test('a root signs itself and says that it is a CA', async () => {
    const root = await newCa(undefined, newKey(type));
    const node = new NodeCertificate(root.certificate.der);
    const peculiar = new PeculiarCertificate(root.certificate.der);
    expect(node.verify(root.key.publicKey)).toBe(true);
    expect([node.ca, node.checkIssued(node), root.certificate.isSelfIssued]).toEqual([true, true, true]);
    // X509-30, X509-31, X509-36 … X509-38
    expect(peculiar.extensions.map((each) => `${each.type} ${each.critical}`)).toEqual([
      '2.5.29.19 true',
      '2.5.29.15 true',
      '2.5.29.14 false',
      '2.5.29.17 false',
    ]);
    expect(peculiar.getExtension(KeyUsagesExtension)?.usages).toBe(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign);
    expect(peculiar.getExtension(BasicConstraintsExtension)?.pathLength).toBeUndefined();
  });

  test('an issuing CA is signed by the root', async () => {
    const root = await newCa();
    const issuing = await newCa(root, newKey(type));
    const node = new NodeCertificate(issuing.certificate.der);
    const peculiar = new PeculiarCertificate(issuing.certificate.der);
    expect(node.verify(root.key.publicKey)).toBe(true);
    expect(node.checkIssued(new NodeCertificate(root.certificate.der))).toBe(true);
    expect(peculiar.getExtension(BasicConstraintsExtension)).toMatchObject({ ca: true, pathLength: 0, critical: true });
    expect(peculiar.getExtension(AuthorityKeyIdentifierExtension)?.keyId).toBe(
      Buffer.from(root.certificate.subjectKeyId).toString('hex'),
    );
  });

  // X509-32, X509-33
  test('both carry the ID of the trust domain', async () => {
    const { certificate } = await newCa(undefined, newKey(type));
    const names = new PeculiarCertificate(certificate.der).getExtension(SubjectAlternativeNameExtension);
    expect(names?.names.items.map(({ value }) => value)).toEqual(['spiffe://example.org']);
  });
});

describe('subjects', () => {
  // X509-38, DEC-25
  test('no two authorities share one', () => {
    const names = [
      caSubject(TRUST_DOMAIN, 'root', 1, 'aaaaaaaaaa'),
      caSubject(TRUST_DOMAIN, 'issuing', 1, 'aaaaaaaaaa'),
      caSubject(TRUST_DOMAIN, 'root', 2, 'aaaaaaaaaa'),
      caSubject(TRUST_DOMAIN, 'root', 1, 'bbbbbbbbbb'),
    ].map(({ commonName }) => commonName);
    expect(new Set(names).size).toBe(4);
  });

  test('a long trust domain is left out', () => {
    const subject = caSubject(parseTrustDomain('a'.repeat(65)), 'root', 1, 'abcdefghij');
    expect(subject).toEqual({ commonName: 'Mayfly root 1 abcdefgh' });
  });
});

test('the request to an offline root says what the certificate should say', async () => {
  const key = newKey('p384');
  const subject = caSubject(TRUST_DOMAIN, 'issuing', 3, 'abcdefghij');
  const der = await createCaCsr({ trustDomain: TRUST_DOMAIN, subject, spki: key.spki, pathLength: 0 }, signerOf(key));
  expect(readCsr(der).keyType).toBe('p384');
  const request = new Pkcs10CertificateRequest(der);
  expect(request.subject).toBe('O=example.org, CN=Mayfly issuing 3 abcdefgh');
  expect(request.extensions.map(({ type }) => type)).toEqual(['2.5.29.19', '2.5.29.15', '2.5.29.14', '2.5.29.17']);
});

describe('not a signing authority', () => {
  const refusal = expect.objectContaining({ code: 'invalid_request' });

  test('a leaf', async () => {
    const ca = await newCa();
    const leaf = await issueLeaf(ca, leafPlan(ca, newKey()));
    expect(() => readCaCertificate(leaf)).toThrow(refusal);
  });

  test.each<[string, Uint8Array]>([
    ['text', Buffer.from('-----BEGIN CERTIFICATE-----')],
    ['nothing', new Uint8Array()],
    ['more than 16 KiB', new Uint8Array(16 * 1024 + 1)],
  ])('%s', (_, der) => {
    expect(() => readCaCertificate(der)).toThrow(refusal);
  });

  test('one without a subject', async () => {
    await expect(newCa(undefined, newKey(), { subject: {} })).rejects.toThrow('its subject is empty');
  });
});
