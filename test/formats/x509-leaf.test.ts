import { X509Certificate as NodeCertificate } from 'node:crypto';
import * as fc from 'fast-check';
import { parseSpiffeId } from '../../src/domain/spiffe-id.ts';
import type { KeyType, X509LeafPlan } from '../../src/domain/x509-profile.ts';
import { readCertificate } from '../../src/formats/certificate.ts';
import { leafTbs } from '../../src/formats/x509-leaf.ts';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate as PeculiarCertificate,
} from '../support/peculiar-x509.ts';
import { issueLeaf, leafPlan, newCa, newKey, NOW } from '../support/x509.ts';

const keys = { p256: newKey('p256'), p384: newKey('p384'), rsa: newKey('rsa') };
const ca = await newCa(await newCa());

const shapes: [string, KeyType, Partial<X509LeafPlan>][] = [
  ['a P-256 leaf', 'p256', {}],
  ['a P-384 leaf', 'p384', {}],
  ['an RSA leaf', 'rsa', {}],
  ['an empty subject', 'p256', { subject: {} }],
  ['a common name', 'p256', { subject: { organization: 'example.org', commonName: 'Bücher' } }],
  ['a common name alone', 'p256', { subject: { commonName: 'db' } }],
  ['DNS names', 'rsa', { dnsNames: ['api.example.org', '*.example.org', 'a_b'] }],
  ['a server', 'p256', { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] }],
  ['a validity around 2050', 'p256', { notBefore: 2_524_607_999, notAfter: 2_524_608_000 }],
];

/** What an extension says, as two libraries that are not ours read it. */
describe.each(shapes)('%s', (_, type, changes) => {
  const key = keys[type];
  const plan = leafPlan(ca, key, changes);
  const read = async () => {
    const der = await issueLeaf(ca, plan);
    return { der, node: new NodeCertificate(der), peculiar: new PeculiarCertificate(der) };
  };

  test('is signed by the issuer over the planned key', async () => {
    const { node } = await read();
    expect(node.verify(ca.key.publicKey)).toBe(true);
    expect(node.publicKey.equals(key.publicKey)).toBe(true);
    expect(node.ca).toBe(false);
  });

  test('has the planned serial, validity and names', async () => {
    const { node, peculiar } = await read();
    expect([node.serialNumber.toLowerCase().padStart(32, '0'), peculiar.serialNumber.padStart(32, '0')]).toEqual([
      plan.serial,
      plan.serial,
    ]);
    expect([node.validFromDate.getTime(), peculiar.notBefore.getTime()]).toEqual(Array(2).fill(plan.notBefore * 1000));
    expect([node.validToDate.getTime(), peculiar.notAfter.getTime()]).toEqual(Array(2).fill(plan.notAfter * 1000));
    expect(peculiar.subjectName.getField('O')).toEqual([plan.subject.organization ?? []].flat());
    expect(peculiar.subjectName.getField('CN')).toEqual([plan.subject.commonName ?? []].flat());
    const lines = [
      ...(plan.subject.organization === undefined ? [] : [`O=${plan.subject.organization}`]),
      ...(plan.subject.commonName === undefined ? [] : [`CN=${plan.subject.commonName}`]),
    ];
    expect(node.subject ?? '').toBe(lines.join('\n'));
  });

  // X509-1, X509-11
  test('has one URI name, and is critical exactly without a subject', async () => {
    const { node, peculiar } = await read();
    const names = peculiar.getExtension(SubjectAlternativeNameExtension);
    const items = names?.names.items.map(({ type: kind, value }) => `${kind} ${value}`);
    expect(items).toEqual([
      `url ${plan.spiffeId}`,
      ...plan.dnsNames.map((name) => `dns ${name}`),
      ...plan.ipAddresses.map((address) => `ip ${address}`),
    ]);
    expect(names?.critical).toBe(plan.subject.organization === undefined && plan.subject.commonName === undefined);
    expect(node.subjectAltName?.startsWith(`URI:${plan.spiffeId}`)).toBe(true);
  });

  // X509-3, X509-12 … X509-18
  test('has the extensions of a leaf and no other', async () => {
    const { peculiar } = await read();
    expect(peculiar.extensions.map(({ type: oid, critical }) => `${oid} ${critical}`)).toEqual([
      '2.5.29.19 true',
      '2.5.29.15 true',
      '2.5.29.37 false',
      '2.5.29.14 false',
      '2.5.29.35 false',
      `2.5.29.17 ${Object.keys(plan.subject).length === 0}`,
    ]);
    const constraints = peculiar.getExtension(BasicConstraintsExtension);
    expect([constraints?.ca, constraints?.pathLength]).toEqual([false, undefined]);
    expect(peculiar.getExtension(KeyUsagesExtension)?.usages).toBe(
      type === 'rsa' ? KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment : KeyUsageFlags.digitalSignature,
    );
    expect(peculiar.getExtension(ExtendedKeyUsageExtension)?.usages).toEqual([
      '1.3.6.1.5.5.7.3.1',
      '1.3.6.1.5.5.7.3.2',
    ]);
    expect(peculiar.getExtension(AuthorityKeyIdentifierExtension)?.keyId).toBe(
      Buffer.from(ca.certificate.subjectKeyId).toString('hex'),
    );
  });
});

test('any planned names and times come back from all three readers', async () => {
  const segment = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/);
  const label = fc.stringMatching(/^[a-z0-9]{1,20}$/);
  await fc.assert(
    fc.asyncProperty(
      fc.array(segment, { minLength: 1, maxLength: 6 }),
      fc.array(label, { maxLength: 3 }),
      fc.integer({ min: 0, max: 4_000_000_000 }),
      async (path, dnsNames, notBefore) => {
        const spiffeId = parseSpiffeId(`spiffe://example.org/${path.join('/')}`);
        const der = await issueLeaf(
          ca,
          leafPlan(ca, keys.p256, { spiffeId, dnsNames, notBefore, notAfter: notBefore + 300 }),
        );
        const ours = readCertificate(der);
        const node = new NodeCertificate(der);
        const peculiar = new PeculiarCertificate(der);
        expect([node.validFromDate.getTime(), peculiar.notBefore.getTime()]).toEqual(
          Array(2).fill(ours.notBefore * 1000),
        );
        expect(ours.notBefore).toBe(notBefore);
        expect(Buffer.from(ours.alternativeNames?.uris[0] ?? []).toString()).toBe(spiffeId);
        expect(ours.alternativeNames?.dnsNames).toEqual(dnsNames);
        expect(node.subjectAltName).toBe([`URI:${spiffeId}`, ...dnsNames.map((name) => `DNS:${name}`)].join(', '));
      },
    ),
    { numRuns: 50 },
  );
});

describe('what no certificate can hold', () => {
  const plan = leafPlan(ca, keys.p256);
  test.each<[string, Partial<X509LeafPlan>]>([
    ['a DNS name with a space', { dnsNames: ['a b'] }],
    ['a DNS name outside ASCII', { dnsNames: ['bücher.example'] }],
    ['an empty DNS name', { dnsNames: [''] }],
    ['a DNS name with a zero octet', { dnsNames: ['a\0.example.org'] }],
    ['a DNS name with a line end', { dnsNames: ['a.example.org\n'] }],
    ['a DNS name of 254 characters', { dnsNames: [`${'a.'.repeat(126)}aa`] }],
    ['a star in the middle', { dnsNames: ['a.*.org'] }],
    ['an address that is none', { ipAddresses: ['10.0.0.0/8'] }],
    ['an end before the beginning', { notAfter: NOW - 11 }],
    ['a serial of another form', { serial: 'ff'.repeat(16) as X509LeafPlan['serial'] }],
    ['a short serial', { serial: '01' as X509LeafPlan['serial'] }],
  ])('%s', (_, changes) => {
    expect(() => leafTbs({ ...plan, ...changes })).toThrow(RangeError);
  });
});
