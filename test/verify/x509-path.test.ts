import { hash } from 'node:crypto';
import { readX509Svid, verifyX509Svid } from '../../src/verify/x509-path.ts';
import { ecKeys, foreign, type ForeignPlan } from '../support/foreign-certificates.ts';
import { Extension, KeyUsageFlags } from '../support/peculiar-x509.ts';
import { type Case, ID, issuing, leaf, leafOf, reasonOf, root, verifyCase } from '../support/presented-chains.ts';
import { issueLeaf, leafPlan, newCa, newKey, NOW, NOW_INSTANT } from '../support/x509.ts';

const SERVER = '1.3.6.1.5.5.7.3.1';
const CLIENT = '1.3.6.1.5.5.7.3.2';

describe('accepted', () => {
  // X509-50
  test('a leaf below an issuing CA below a root', () => {
    const verified = verifyCase({ chain: [leaf, issuing] });
    expect(verified).toMatchObject({ spiffeId: ID, notBefore: NOW - 600, notAfter: NOW + 600 });
    expect(verified.sha256).toBe(hash('sha256', leaf.der, 'hex'));
    expect(verified.path).toHaveLength(3);
  });

  test.each<[string, () => Promise<Case> | Case]>([
    ['the root sent along', () => ({ chain: [leaf, issuing, root] })],
    ['a leaf right below the root', async () => ({ chain: [await leafOf(root)] })],
    ['an issuing CA that is an anchor itself', () => ({ chain: [leaf], roots: [issuing] })],
    [
      'a certificate that leads nowhere',
      async () => ({ chain: [leaf, await foreign({ name: 'x', ca: true }), issuing] }),
    ],
    ['no key identifiers', async () => ({ chain: [await leafOf(issuing, { keyIds: false }), issuing] })],
    ['both purposes', async () => ({ chain: [await leafOf(issuing, { purposes: [CLIENT, SERVER] }), issuing] })],
    [
      'two roots of one name',
      async () => ({ chain: [leaf, issuing], roots: [await foreign({ name: 'root', ca: true, keyIds: false }), root] }),
    ],
    ['a P-384 key', async () => ({ chain: [await leafOf(issuing, { keys: await ecKeys('P-384') }), issuing] })],
    [
      'a root without key usage',
      async () => {
        const plainRoot = await foreign({ name: 'plain', ca: true, usage: 'none' });
        return { chain: [await leafOf(plainRoot)], roots: [plainRoot] };
      },
    ],
  ])('%s', async (_, make) => {
    expect(reasonOf(await make())).toBe('accepted');
  });

  test('what our own writer makes', async () => {
    const ownRoot = await newCa();
    const ownIssuing = await newCa(ownRoot);
    const plan = leafPlan(ownIssuing, newKey());
    const verified = verifyX509Svid({
      svid: readX509Svid([await issueLeaf(ownIssuing, plan), ownIssuing.certificate.der]),
      rootsOf: () => [ownRoot.certificate],
      now: NOW_INSTANT,
    });
    expect([verified.serial, verified.spiffeId, verified.notAfter]).toEqual([
      plan.serial,
      plan.spiffeId,
      plan.notAfter,
    ]);
  });
});

describe('time', () => {
  const end = NOW + 600;
  test.each<[string, number, number, string]>([
    ['the first second', NOW - 600, 0, 'accepted'],
    ['the last second', end, 0, 'accepted'],
    ['just after', end + 0.001, 0, 'an expired certificate'],
    ['just before', NOW - 600.001, 0, 'a certificate that is not valid yet'],
    ['after, within the leeway', end + 60, 60, 'accepted'],
    ['before, within the leeway', NOW - 660, 60, 'accepted'],
    ['after the leeway', end + 60.001, 60, 'an expired certificate'],
  ])('%s', (_, now, leewaySeconds, reason) => {
    expect(reasonOf({ chain: [leaf, issuing], now, leewaySeconds })).toBe(reason);
  });

  test('every certificate counts, the root too', async () => {
    const oldRoot = await foreign({ name: 'old', ca: true, notAfter: NOW - 1 });
    const oldIssuing = await foreign({ name: 'old issuing', ca: true, issuer: root, notAfter: NOW - 1 });
    expect(reasonOf({ chain: [await leafOf(oldRoot)], roots: [oldRoot] })).toBe('an expired certificate');
    expect(reasonOf({ chain: [await leafOf(oldIssuing), oldIssuing] })).toBe('an expired certificate');
  });

  test('the answer holds no longer than the shortest certificate', async () => {
    const short = await foreign({ name: 'short', ca: true, issuer: root, notAfter: NOW + 5, notBefore: NOW - 5 });
    expect(verifyCase({ chain: [await leafOf(short), short] })).toMatchObject({
      notBefore: NOW - 5,
      notAfter: NOW + 5,
    });
  });

  test.each([-1, 61, Number.NaN])('a leeway of %d is a mistake of the program', (leewaySeconds) => {
    expect(() => verifyCase({ chain: [leaf, issuing], leewaySeconds })).toThrow(RangeError);
  });
});

describe('the leaf', () => {
  const critical = new Extension('1.2.3.4', true, Buffer.from('0500', 'hex'));
  const harmless = new Extension('1.2.3.4', false, Buffer.from('0500', 'hex'));
  test.each<[string, Partial<ForeignPlan>, string]>([
    // X509-51, X509-52, X509-58
    ['a CA', { ca: true, usage: KeyUsageFlags.digitalSignature }, 'a CA certificate in place of a leaf'],
    [
      'keyCertSign',
      { usage: KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign },
      'a leaf that may sign certificates',
    ],
    ['cRLSign', { usage: KeyUsageFlags.digitalSignature | KeyUsageFlags.cRLSign }, 'a leaf that may sign certificates'],
    ['no digitalSignature', { usage: KeyUsageFlags.keyEncipherment }, 'a leaf without digitalSignature'],
    ['no key usage', { usage: 'none' }, 'a leaf without key usage'],
    // X509-53 … X509-55
    ['no URI', { uris: [] }, '0 URI names in place of one'],
    ['two URIs', { uris: [ID, 'https://example.org'] }, '2 URI names in place of one'],
    ['the same URI twice', { uris: [ID, ID] }, '2 URI names in place of one'],
    ['another scheme', { uris: ['https://example.org/api'] }, 'a SPIFFE ID starts with spiffe://'],
    ['no path', { uris: ['spiffe://example.org'] }, 'the SPIFFE ID of a leaf has a path'],
    // X509-56, ID-15
    ['a slash at the end', { uris: [`${ID}/`] }, 'the path ends with a slash'],
    ['an upper-case scheme', { uris: ['SPIFFE://example.org/api'] }, 'a SPIFFE ID starts with spiffe://'],
    [
      'an upper-case trust domain',
      { uris: ['spiffe://Example.org/api'] },
      'the trust domain may hold only a-z, 0-9, ".", "-" and "_"',
    ],
    ['a zero octet', { uris: [`${ID}\0`] }, 'the path may hold only a-z, A-Z, 0-9, ".", "-", "_" and "/"'],
    ['a port', { uris: ['spiffe://example.org:80/api'] }, 'the trust domain may hold only a-z, 0-9, ".", "-" and "_"'],
    // X509-17
    ['one purpose', { purposes: [CLIENT] }, 'an extended key usage without both serverAuth and clientAuth'],
    ['any purpose', { purposes: ['2.5.29.37.0'] }, 'an extended key usage without both serverAuth and clientAuth'],
    ['an unknown critical extension', { more: [critical] }, 'a critical extension that is not understood: 1.2.3.4'],
    ['an unknown extension', { more: [harmless] }, 'accepted'],
    [
      'name constraints',
      { more: [new Extension('2.5.29.30', false, Buffer.from('3000', 'hex'))] },
      'name constraints, which are not supported',
    ],
  ])('%s', async (_, changes, reason) => {
    expect(reasonOf({ chain: [await leafOf(issuing, changes), issuing] })).toBe(reason);
  });

  // X509-57
  test('of a trust domain without bundle, though the signature would verify', async () => {
    const other = await leafOf(issuing, { uris: ['spiffe://example.net/api'] });
    expect(reasonOf({ chain: [other, issuing] })).toBe('no bundle for the trust domain');
  });

  test('of another authority', async () => {
    const stranger = await foreign({ name: 'stranger', ca: true });
    expect(reasonOf({ chain: [await leafOf(stranger), stranger] })).toBe('no path to an authority of the trust domain');
  });

  test('with the issuer’s name and another key', async () => {
    const twin = await foreign({ name: 'root', ca: true, keyIds: false });
    const forged = await leafOf(twin, { keyIds: false });
    expect(reasonOf({ chain: [forged] })).toBe('a signature that does not verify');
  });

  test('with a bad signature', () => {
    const forged = Buffer.from(leaf.der);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    expect(reasonOf({ chain: [{ ...leaf, der: forged }, issuing] })).toBe('a signature that does not verify');
  });

  test('that is an anchor itself', () => {
    expect(reasonOf({ chain: [leaf], roots: [leaf] })).toBe('no path to an authority of the trust domain');
  });

  test('that another leaf signed', async () => {
    const child = await leafOf(leaf);
    expect(reasonOf({ chain: [child, leaf, issuing] })).toBe('an issuer that is not a CA');
  });

  test('without anchors', () => {
    expect(reasonOf({ chain: [leaf, issuing], roots: [] })).toBe('no path to an authority of the trust domain');
  });
});
