import { hash } from 'node:crypto';
import * as fc from 'fast-check';
import type { RecordId } from '../../src/domain/record-id.ts';
import { parseSpiffeId } from '../../src/domain/spiffe-id.ts';
import type { X509LeafPlan } from '../../src/domain/x509-profile.ts';
import { bitString, contextPrimitive, NULL, objectIdentifier, sequence, TRUE } from '../../src/formats/der.ts';
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
} from '../../src/formats/x509-certificate.ts';
import { checkX509Leaf, type X509LeafExpectation } from '../../src/verify/x509-leaf.ts';
import { expectationOf, issueLeaf, leafPlan, newCa, newKey, newSerial, NOW, signerOf } from '../support/x509.ts';

const key = newKey();
const rsaKey = newKey('rsa');
const ca = await newCa();
const plan = leafPlan(ca, key);
const expected = expectationOf(ca, plan);
const leaf = await issueLeaf(ca, plan);

describe('accepted', () => {
  test.each<[string, X509LeafPlan]>([
    ['a P-256 leaf', plan],
    ['a P-384 leaf', leafPlan(ca, newKey('p384'))],
    ['an RSA leaf', leafPlan(ca, rsaKey)],
    ['no subject', leafPlan(ca, key, { subject: {} })],
    ['a common name', leafPlan(ca, key, { subject: { organization: 'example.org', commonName: 'Bücher' } })],
    [
      'names and addresses',
      leafPlan(ca, key, { dnsNames: ['a.b', '*.c'], ipAddresses: ['10.0.0.1', 'FE80:0::1', '::ffff:1.2.3.4'] }),
    ],
  ])('%s', async (_, each) => {
    const der = await issueLeaf(ca, each);
    expect(() => checkX509Leaf(der, expectationOf(ca, each))).not.toThrow(
      expect.objectContaining({ name: expect.stringMatching(/^(?:DerError|LeafMismatch)$/) }),
    );
  });

  test.each(['p384', 'rsa'] as const)('an issuer of type %s', async (type) => {
    const issuer = await newCa(undefined, newKey(type));
    const each = leafPlan(issuer, key);
    const der = await issueLeaf(issuer, each);
    expect(() => checkX509Leaf(der, expectationOf(issuer, each))).not.toThrow(
      expect.objectContaining({ name: expect.stringMatching(/^(?:DerError|LeafMismatch)$/) }),
    );
  });
});

describe('a difference is named', () => {
  test.each<[string, Partial<X509LeafExpectation>]>([
    ['serial', { serial: newSerial() }],
    ['SPIFFE ID', { spiffeId: parseSpiffeId('spiffe://example.org/payments/ap') }],
    ['SPIFFE ID', { spiffeId: parseSpiffeId('spiffe://example.org/payments/API') }],
    ['subject', { subject: {} }],
    ['subject', { subject: { organization: 'example.net' } }],
    ['subject', { subject: { commonName: 'example.org' } }],
    ['DNS names', { dnsNames: ['a.example.org'] }],
    ['IP addresses', { ipAddresses: ['127.0.0.1'] }],
    ['validity', { notBefore: NOW - 11 }],
    ['validity', { notAfter: NOW + 3601 }],
    ['validity within the issuer’s', { issuerValidity: { notBefore: NOW - 9, notAfter: NOW + 7200 } }],
    ['validity within the issuer’s', { issuerValidity: { notBefore: NOW - 10, notAfter: NOW + 3599 } }],
    ['public key', { spki: newKey().spki }],
    ['public key', { keyType: 'p384' }],
    ['issuer', { issuer: { ...plan.issuer, nameDer: sequence() } }],
    ['authority key identifier', { issuer: { ...plan.issuer, keyId: Buffer.alloc(20) } }],
    ['signature algorithm', { issuer: { ...plan.issuer, algorithm: 'ES384' } }],
    ['digest on record', { digest: '00'.repeat(32) }],
    ['signature', { issuerPublicKey: newKey().publicKey }],
    ['signature', { issuerPublicKey: rsaKey.publicKey }],
  ])('%s', (what, changes) => {
    expect(() => checkX509Leaf(leaf, { ...expected, ...changes })).toThrow(
      `the certificate differs from its plan: ${what}`,
    );
  });
});

const EKU = objectIdentifier('2.5.29.37');
const SERVER = objectIdentifier('1.3.6.1.5.5.7.3.1');
const CLIENT = objectIdentifier('1.3.6.1.5.5.7.3.2');
const good = {
  constraints: extension(BASIC_CONSTRAINTS, true, sequence()),
  usage: extension(KEY_USAGE, true, bitString(Buffer.of(0x80), 7)),
  purposes: extension(EKU, false, sequence(SERVER, CLIENT)),
  subjectKey: subjectKeyIdentifier(keyIdentifier(key.spki)),
  authorityKey: authorityKeyIdentifier(plan.issuer.keyId),
  names: extension(SUBJECT_ALTERNATIVE_NAME, false, sequence(uriName(plan.spiffeId))),
};

/** What a writer with a bug would make: signed by the right key, recorded with its own digest. */
const wronglyWritten = async (extensions: readonly Uint8Array[]): Promise<[Buffer, X509LeafExpectation]> => {
  const tbs = tbsCertificate({
    ...plan,
    algorithm: 'ES256',
    issuerName: plan.issuer.nameDer,
    subjectName: distinguishedName(plan.subject),
    extensions,
  });
  const der = assembleCertificate(tbs, 'ES256', x509Signature('ES256', await signerOf(ca.key).sign(tbs)));
  return [der, { ...expected, digest: hash('sha256', tbs, 'hex') }];
};

describe('a bug of the writer is found', () => {
  const uri = uriName(plan.spiffeId);
  const names = (critical: boolean, ...all: Uint8Array[]) => ({
    names: extension(SUBJECT_ALTERNATIVE_NAME, critical, sequence(...all)),
  });

  test('the hand-made one is right', async () => {
    const [der, expectation] = await wronglyWritten(Object.values(good));
    expect(() => checkX509Leaf(der, expectation)).not.toThrow(
      expect.objectContaining({ name: expect.stringMatching(/^(?:DerError|LeafMismatch)$/) }),
    );
  });

  test.each<[string, Partial<Record<keyof typeof good, Uint8Array>>]>([
    ['basic constraints', { constraints: extension(BASIC_CONSTRAINTS, false, sequence()) }],
    ['basic constraints', { constraints: extension(BASIC_CONSTRAINTS, true, sequence(TRUE)) }],
    ['key usage', { usage: extension(KEY_USAGE, false, bitString(Buffer.of(0x80), 7)) }],
    ['key usage', { usage: extension(KEY_USAGE, true, bitString(Buffer.of(0xa0), 5)) }],
    ['key usage', { usage: extension(KEY_USAGE, true, bitString(Buffer.of(0x84), 2)) }],
    ['extended key usage', { purposes: extension(EKU, false, sequence(SERVER)) }],
    ['extended key usage', { purposes: extension(EKU, true, sequence(SERVER, CLIENT)) }],
    ['subject key identifier', { subjectKey: subjectKeyIdentifier(plan.issuer.keyId) }],
    ['authority key identifier', { authorityKey: authorityKeyIdentifier(keyIdentifier(key.spki)) }],
    [
      'authority key identifier',
      {
        authorityKey: extension(
          objectIdentifier('2.5.29.35'),
          false,
          sequence(contextPrimitive(0, plan.issuer.keyId), contextPrimitive(2, Buffer.of(1))),
        ),
      },
    ],
    ['SPIFFE ID', names(false, uri, uri)],
    ['SPIFFE ID', names(false, contextPrimitive(2, Buffer.from('a.example.org')))],
    ['DNS names', names(false, uri, contextPrimitive(2, Buffer.from('a.example.org')))],
    ['IP addresses', names(false, uri, contextPrimitive(7, Buffer.of(127, 0, 0, 1)))],
    ['names of other types', names(false, uri, contextPrimitive(1, Buffer.from('a@example.org')))],
    ['criticality of the alternative names', names(true, uri)],
    ['extensions', { names: Buffer.concat([good.names, extension(objectIdentifier('1.2.3'), false, NULL)]) }],
    ['extensions', { purposes: Buffer.alloc(0) }],
  ])('%s', async (what, changes) => {
    const [der, expectation] = await wronglyWritten(Object.values({ ...good, ...changes }));
    expect(() => checkX509Leaf(der, expectation)).toThrow(what);
  });

  test('another order', async () => {
    const [der, expectation] = await wronglyWritten(Object.values(good).toReversed());
    expect(() => checkX509Leaf(der, expectation)).toThrow('extensions');
  });
});

test('no changed bit passes', () => {
  fc.assert(
    fc.property(fc.nat(leaf.length * 8 - 1), (bit) => {
      const changed = Buffer.from(leaf);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => checkX509Leaf(changed, expected)).toThrow(
        expect.objectContaining({ name: expect.stringMatching(/^(?:DerError|LeafMismatch)$/) }),
      );
    }),
    { numRuns: 500 },
  );
});

test('a serial of another form is found, even a small one', async () => {
  const small = leafPlan(ca, key, { serial: `${'0'.repeat(31)}1` as RecordId });
  const der = await issueLeaf(ca, small);
  expect(() => checkX509Leaf(der, expectationOf(ca, small))).not.toThrow(
    expect.objectContaining({ name: expect.stringMatching(/^(?:DerError|LeafMismatch)$/) }),
  );
  expect(() => checkX509Leaf(der, expectationOf(ca, { ...small, serial: `${'0'.repeat(30)}11` as RecordId }))).toThrow(
    'serial',
  );
});
