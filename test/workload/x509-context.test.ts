import { webcrypto } from 'node:crypto';
import { assert, nat, property } from 'fast-check';
import { trustDomainOf } from '../../src/domain/spiffe-id.ts';
import { WorkloadError } from '../../src/workload/errors.ts';
import type { X509SvidMessage } from '../../src/workload/wire.ts';
import { privateKeyPem, readX509Bundles, readX509Context } from '../../src/workload/x509-context.ts';
import { foreign, type Foreign, type ForeignPlan } from '../support/foreign-certificates.ts';
import { KeyUsageFlags } from '../support/peculiar-x509.ts';
import { newKey } from '../support/x509.ts';
import { newDomain, newSvid, nowSeconds, pkcs8, svidMessage, x509Message } from '../support/workload-identities.ts';

const domain = await newDomain();
const other = await newDomain('other.example');
const svid = await newSvid(domain);
const good = svidMessage(svid, domain);

const reasonOf = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    if (error instanceof WorkloadError && error.code === 'malformed_response') return error.message;
    throw error;
  }
  return 'accepted';
};

const ofOne = (changes: Partial<X509SvidMessage>): string =>
  reasonOf(() => readX509Context({ svids: [{ ...good, ...changes }], federatedBundles: {} }));

const times = { notBefore: nowSeconds() - 60, notAfter: nowSeconds() + 600 };
const foreignRoot = await foreign({ name: 'foreign', ca: true, ...times });
const foreignMessage = async (changes: Partial<ForeignPlan>, id = good.spiffeId): Promise<Partial<X509SvidMessage>> => {
  const leaf: Foreign = await foreign({ name: 'leaf', issuer: foreignRoot, uris: [id], ...times, ...changes });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', leaf.keys.privateKey));
  return { spiffeId: id, x509Svid: leaf.der, x509SvidKey: key, bundle: foreignRoot.der };
};

describe('an answer of FetchX509SVID', () => {
  test('is read: identities in order, each trust domain with its own bundle', async () => {
    const second = await newSvid(other, 'spiffe://other.example/db');
    const context = readX509Context({
      svids: [good, svidMessage(second, other, 'db')],
      federatedBundles: { 'spiffe://third.example': domain.bundle },
    });
    expect(context.svids.map(({ spiffeId, hint }) => [spiffeId, hint])).toEqual([
      ['spiffe://example.org/api', undefined],
      ['spiffe://other.example/db', 'db'],
    ]);
    expect([...context.bundles.keys()].sort()).toEqual(['example.org', 'other.example', 'third.example']);
    expect(context.bundles.get(trustDomainOf(context.svids[1]?.spiffeId as never))?.authorities).toEqual([
      new Uint8Array(other.bundle),
    ]);
  });

  test('the key is handed out only where it is asked for', () => {
    const [read] = readX509Context(x509Message(svid, domain)).svids;
    expect(JSON.stringify(read)).not.toContain('PRIVATE');
    expect(read && privateKeyPem(read)).toContain('BEGIN PRIVATE KEY');
  });

  // WLAPI-8, WLAPI-21
  test.each(['spiffeId', 'x509Svid', 'x509SvidKey', 'bundle'] as const)('refuses an empty %s', (field) => {
    expect(ofOne({ [field]: field === 'spiffeId' ? '' : Buffer.alloc(0) })).toContain('an empty field');
  });

  test('refuses one without SVIDs', () => {
    expect(reasonOf(() => readX509Context({ svids: [], federatedBundles: {} }))).toContain('no SVID');
  });

  test.each([
    ['another ID beside it', { spiffeId: 'spiffe://example.org/other' }, 'not the one in it'],
    ['bytes after the chain', { x509Svid: Buffer.concat([good.x509Svid, Buffer.from([0])]) }, 'an SVID'],
    ['half a certificate', { x509Svid: good.x509Svid.subarray(0, 200) }, 'ends too early'],
    ['PEM in place of DER', { x509Svid: Buffer.from('-----BEGIN CERTIFICATE-----') }, 'an SVID'],
    ['the key of somebody else', { x509SvidKey: pkcs8(newKey()) }, 'not that of its certificate'],
    ['no PKCS #8', { x509SvidKey: Buffer.from('key') }, 'not PKCS #8'],
    ['a leaf in the bundle', { bundle: good.x509Svid }, 'no CA'],
    ['a bundle that is no DER', { bundle: Buffer.from('bundle') }, 'the bundle of example.org'],
    ['a leaf in the chain', { x509Svid: Buffer.concat([...svid.chain, svid.chain[0] as Buffer]) }, 'no CA'],
  ] as const)('refuses %s', (_name, changes, reason) => {
    expect(ofOne(changes)).toContain(reason);
  });

  // X509-51, X509-52, X509-54, X509-55, X509-58
  test.each([
    ['a CA', { ca: true, usage: KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign }, 'a CA certificate'],
    ['a leaf that signs', { usage: KeyUsageFlags.digitalSignature | KeyUsageFlags.cRLSign }, 'may sign others'],
    ['a leaf without digitalSignature', { usage: KeyUsageFlags.keyEncipherment }, 'without digitalSignature'],
    ['a leaf without key usage', { usage: 'none' as const }, 'without key usage'],
    ['two URIs', { uris: ['spiffe://example.org/api', 'https://example.org'] }, '2 URI names'],
    ['no URI', { uris: [] }, '0 URI names'],
  ])('refuses %s', async (_name, changes, reason) => {
    expect(ofOne(await foreignMessage(changes))).toContain(reason);
  });

  test('refuses an ID without a path', async () => {
    expect(ofOne(await foreignMessage({}, 'spiffe://example.org'))).toContain('has a path');
  });

  test('refuses two different bundles of one trust domain', async () => {
    const again = { ...svidMessage(await newSvid(domain), domain), bundle: other.bundle };
    expect(reasonOf(() => readX509Context({ svids: [good, again], federatedBundles: {} }))).toContain('two bundles');
  });

  test('refuses one trust domain under two names', () => {
    const federatedBundles = { 'spiffe://other.example': other.bundle, 'other.example': domain.bundle };
    expect(reasonOf(() => readX509Context({ svids: [good], federatedBundles }))).toContain('two bundles');
  });

  test.each(['spiffe://other.example/path', 'https://other.example', 'OTHER.example', ''])(
    'refuses a bundle of %s',
    (name) => {
      const federatedBundles = { [name]: other.bundle };
      expect(reasonOf(() => readX509Context({ svids: [good], federatedBundles }))).not.toBe('accepted');
    },
  );

  test('a federated bundle does not replace the own one', () => {
    const federatedBundles = { 'spiffe://example.org': other.bundle };
    const { bundles } = readX509Context({ svids: [good], federatedBundles });
    expect([...bundles.values()].map(({ authorities }) => authorities)).toEqual([[new Uint8Array(domain.bundle)]]);
  });

  // WLAPI-9
  test('a federated bundle that is empty is not there', () => {
    const federatedBundles = { 'spiffe://other.example': Buffer.alloc(0) };
    expect([...readX509Context({ svids: [good], federatedBundles }).bundles.keys()]).toEqual(['example.org']);
  });

  // WLAPI-23
  test('of two SVIDs with one hint the first counts', async () => {
    const second = svidMessage(await newSvid(domain, 'spiffe://example.org/second'), domain, 'web');
    const { svids } = readX509Context({ svids: [{ ...good, hint: 'web' }, second], federatedBundles: {} });
    expect(svids.map(({ spiffeId }) => spiffeId)).toEqual(['spiffe://example.org/api']);
  });

  test('whatever bytes change, it is read or refused', () => {
    const bytes = good.x509Svid;
    assert(
      property(nat(bytes.length - 1), nat(255), (at, octet) => {
        const changed = Buffer.from(bytes);
        changed[at] = octet;
        expect(typeof ofOne({ x509Svid: changed })).toBe('string');
      }),
    );
  });
});

describe('an answer of FetchX509Bundles', () => {
  test('is read', () => {
    const bundles = readX509Bundles({ bundles: { 'spiffe://example.org': domain.bundle, 'a.b': other.bundle } });
    expect([...bundles.keys()]).toEqual(['example.org', 'a.b']);
  });

  test.each([{}, { 'spiffe://example.org': Buffer.alloc(0) }])('refuses one that holds nothing', (bundles) => {
    expect(reasonOf(() => readX509Bundles({ bundles }))).toContain('no bundle');
  });
});
