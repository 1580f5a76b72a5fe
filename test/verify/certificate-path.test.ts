import { readCertificate } from '../../src/formats/certificate.ts';
import {
  readCertificateChain,
  readX509Svid,
  verifyCertificatePath,
  verifyX509Svid,
} from '../../src/verify/x509-path.ts';
import { ecKeys, foreign, type Foreign, type ForeignPlan } from '../support/foreign-certificates.ts';
import { Extension, KeyUsageFlags } from '../support/peculiar-x509.ts';
import { issuing, leaf, leafOf, reasonOf, root } from '../support/presented-chains.ts';
import { NOW, NOW_INSTANT } from '../support/x509.ts';

const SERVER = '1.3.6.1.5.5.7.3.1';

describe('the issuer', () => {
  test.each<[string, Partial<ForeignPlan>, string]>([
    ['that is no CA', { ca: false, usage: KeyUsageFlags.keyCertSign }, 'an issuer that is not a CA'],
    ['without keyCertSign', { usage: KeyUsageFlags.cRLSign }, 'an issuer without keyCertSign'],
    ['without key usage', { usage: 'none' }, 'an issuer without keyCertSign'],
    [
      'with name constraints',
      { more: [new Extension('2.5.29.30', true, Buffer.from('3000', 'hex'))] },
      'name constraints, which are not supported',
    ],
    [
      'with an unknown critical extension',
      { more: [new Extension('2.5.29.36', true, Buffer.from('3000', 'hex'))] },
      'a critical extension that is not understood: 2.5.29.36',
    ],
  ])('%s', async (_, changes, reason) => {
    const issuer = await foreign({ name: 'middle', ca: true, issuer: root, ...changes });
    expect(reasonOf({ chain: [await leafOf(issuer), issuer] })).toBe(reason);
  });

  test('below one that allows none', async () => {
    const below = await foreign({ name: 'below', ca: true, issuer: issuing });
    expect(reasonOf({ chain: [await leafOf(below), below, issuing] })).toBe('a chain longer than its issuer allows');
  });

  test('below a root that allows none', async () => {
    const narrow = await foreign({ name: 'narrow', ca: true, pathLength: 0 });
    const below = await foreign({ name: 'below', ca: true, issuer: narrow });
    expect(reasonOf({ chain: [await leafOf(below), below], roots: [narrow] })).toBe(
      'a chain longer than its issuer allows',
    );
  });

  test.each([
    ['too short', { bits: 2047, exponent: 65_537 }, 'an RSA key that is too short or too long'],
    ['too long', { bits: 8193, exponent: 65_537 }, 'an RSA key that is too short or too long'],
    ['of exponent 1', { bits: 2048, exponent: 1 }, 'an RSA key with a bad exponent'],
    ['of an even exponent', { bits: 2048, exponent: 65_536 }, 'an RSA key with a bad exponent'],
    ['of an enormous exponent', { bits: 2048, exponent: 2 ** 32 + 1 }, 'an RSA key with a bad exponent'],
  ])('with an RSA key %s, before the key is used', (_, key, reason) => {
    const anchor = readCertificate(root.der);
    const weak = { ...anchor, publicKey: { ...anchor.publicKey, kind: 'rsa' as const, ...key } };
    const svid = readX509Svid([leaf.der, issuing.der]);
    expect(() => verifyX509Svid({ svid, rootsOf: () => [weak], now: NOW_INSTANT })).toThrow(
      expect.objectContaining({ reason }),
    );
  });
});

describe('bounds', () => {
  test('a chain of six is refused unread', () => {
    expect(reasonOf({ chain: Array.from({ length: 6 }, () => leaf) })).toBe('more than 5 certificates');
  });

  test('a path of six, its anchor included, is refused', async () => {
    const chain: Foreign[] = [];
    let issuer = root;
    for (let level = 0; level < 4; level++) {
      issuer = await foreign({ name: `level ${level}`, ca: true, issuer });
      chain.unshift(issuer);
    }
    expect(reasonOf({ chain: [await leafOf(issuer), ...chain] })).toBe('more than 5 certificates');
  });

  test.each<[string, Uint8Array[], string]>([
    ['no certificate', [], 'no certificate'],
    ['more than 16 KiB', [leaf.der, Buffer.alloc(16 * 1024 + 1)], 'a certificate of more than 16384 bytes'],
    ['bytes after the end', [Buffer.concat([leaf.der, Buffer.of(0)])], 'a malformed certificate: bytes after the end'],
    ['a malformed intermediate', [leaf.der, Buffer.of(0x30)], 'a malformed certificate: ends too early'],
  ])('%s', (_, chain, reason) => {
    expect(() => readX509Svid(chain)).toThrow(expect.objectContaining({ code: 'invalid_svid', reason }));
  });

  test('look-alike issuers cannot cause endless signature checks', async () => {
    const lookAlikes = await Promise.all(
      Array.from({ length: 20 }, async () => foreign({ name: 'issuing', ca: true, keyIds: false })),
    );
    const stray = await leafOf(issuing, { keyIds: false });
    expect(reasonOf({ chain: [stray], roots: lookAlikes })).toBe('too many possible issuers');
  });

  test('certificates that sign each other end the search', async () => {
    const keys = await ecKeys();
    const a = await foreign({ name: 'a', ca: true, keys });
    const b = await foreign({ name: 'b', ca: true, issuer: a });
    const crossed = await foreign({ name: 'a', ca: true, keys, issuer: b });
    expect(reasonOf({ chain: [await leafOf(b), b, crossed] })).toBe('no path to an authority of the trust domain');
  });

  test('the caller hears nothing of the reason', () => {
    expect(() => readX509Svid([])).toThrow('the X.509-SVID is not accepted');
  });
});

describe('a node certificate', () => {
  const verifyNode = (chain: readonly Foreign[], anchors: readonly Foreign[] = [root]) =>
    verifyCertificatePath({
      chain: readCertificateChain(chain.map(({ der }) => der)),
      anchors: anchors.map(({ der }) => readCertificate(der)),
      now: NOW_INSTANT,
    });

  test('needs no SPIFFE ID', async () => {
    const node = await foreign({ name: 'node', issuer: issuing, purposes: [SERVER] });
    expect(verifyNode([node, issuing]).path).toHaveLength(3);
  });

  test('needs no key usage', async () => {
    expect(verifyNode([await foreign({ name: 'node', issuer: root, usage: 'none' })]).path).toHaveLength(2);
  });

  test.each<[string, Partial<ForeignPlan>, string]>([
    ['a CA', { ca: true }, 'a CA certificate in place of a leaf'],
    ['no digitalSignature', { usage: KeyUsageFlags.keyAgreement }, 'a leaf without digitalSignature'],
    ['expired', { notAfter: NOW - 1 }, 'an expired certificate'],
  ])('is refused: %s', async (_, changes, reason) => {
    const node = await foreign({ name: 'node', issuer: issuing, ...changes });
    expect(() => verifyNode([node, issuing])).toThrow(expect.objectContaining({ code: 'attestation_refused', reason }));
  });

  test('is refused without a path', async () => {
    const stranger = await foreign({ name: 'stranger', ca: true });
    const node = await foreign({ name: 'node', issuer: stranger });
    expect(() => verifyNode([node, stranger])).toThrow(expect.objectContaining({ code: 'attestation_refused' }));
    expect(() => readCertificateChain([Buffer.of(1)])).toThrow(
      expect.objectContaining({ code: 'attestation_refused' }),
    );
  });
});
