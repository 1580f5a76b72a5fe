import { X509Certificate } from 'node:crypto';
import type { KeyId } from '../../src/domain/authority.ts';
import { Refusal } from '../../src/domain/refusal.ts';
import { parseTrustDomain } from '../../src/domain/trust-domain.ts';
import { bundleDocument, type BundleContent } from '../../src/formats/bundle.ts';
import { readBundle, readBundleMap } from '../../src/formats/bundle-reader.ts';
import { verifyJwtSvid } from '../../src/verify/jwt-svid.ts';
import { testKey } from '../support/jwt-keys.ts';
import { AUDIENCE, NOW, ourJwtSvid } from '../support/tokens.ts';
import { newCa, newKey } from '../support/x509.ts';

const td = parseTrustDomain('example.org');
const roots = await Promise.all([newCa(), newCa(undefined, newKey('rsa')), newCa(undefined, newKey('p384'))]);
const [root = new Uint8Array(), rsaRoot = new Uint8Array(), thirdRoot = new Uint8Array()] = roots.map(
  ({ certificate }) => certificate.der,
);
const signing = testKey('ES256');
const spare = testKey('RS256');
const jwtKeys = [signing, spare].map((key) => ({ kid: key.kid as KeyId, jwk: key.verification.jwk }));
const content: BundleContent = { x509Authorities: [root, rsaRoot], jwtKeys, sequence: 7, refreshHint: 300 };
const document = bundleDocument(content);

type Entry = Record<string, unknown>;
const entries = (JSON.parse(document) as { keys: Entry[] }).keys;
const [x509Entry = {}, rsaEntry = {}, jwtEntry = {}] = entries;
const read = (keys: unknown, more: object = {}): ReturnType<typeof readBundle> =>
  readBundle(JSON.stringify({ keys, ...more }), td);
const base64 = (der: Uint8Array): string => Buffer.from(der).toString('base64');

/** The certificate of `der` with one bit of its P-256 point or of its curve changed. */
const withBrokenKey = (der: Uint8Array, marker: string, distance: number): string => {
  const broken = Buffer.from(der);
  const at = broken.indexOf(Buffer.from(marker, 'hex')) + distance;
  broken[at] = (broken[at] ?? 0) ^ 1;
  return base64(broken);
};

describe('bundleDocument', () => {
  // TDB-1 … TDB-3, TDB-7, TDB-9, X509-70 … X509-73, JWT-42
  test('has the members of the standard and no others', () => {
    expect(Object.keys(JSON.parse(document) as object)).toEqual(['keys', 'spiffe_sequence', 'spiffe_refresh_hint']);
    expect(entries.map((entry) => Object.keys(entry).sort())).toEqual([
      ['crv', 'kty', 'use', 'x', 'x5c', 'y'],
      ['e', 'kty', 'n', 'use', 'x5c'],
      ['crv', 'kid', 'kty', 'use', 'x', 'y'],
      ['e', 'kid', 'kty', 'n', 'use'],
    ]);
    expect(x509Entry['x5c']).toEqual([base64(root)]);
    const fromCertificate = new X509Certificate(root).publicKey.export({ format: 'jwk' });
    expect(x509Entry).toMatchObject(fromCertificate);
    expect(jwtEntry['kid']).toBe(signing.kid);
  });

  // TDB-2
  test('keeps 64 bits of the sequence', () => {
    const sequence = 2n ** 63n - 1n;
    expect(bundleDocument({ ...content, sequence })).toContain('"spiffe_sequence":9223372036854775807');
  });

  // TDB-4, TDB-32
  test('may be empty and without a hint', () => {
    const empty = bundleDocument({ x509Authorities: [], jwtKeys: [], sequence: 1n });
    expect(empty).toBe('{"keys":[],"spiffe_sequence":1}');
  });

  test.each<[string, Partial<BundleContent>]>([
    ['an Ed25519 key', { jwtKeys: [{ kid: 'a' as KeyId, jwk: testKey('EdDSA').verification.jwk }] }], // TDB-13
    ['a kid twice', { jwtKeys: [...jwtKeys, ...jwtKeys] }], // JWT-44
    ['an authority twice', { x509Authorities: [root, root] }],
    ['a sequence below zero', { sequence: -1n }],
    ['half a sequence', { sequence: 0.5 }],
    ['half a second', { refreshHint: 0.5 }],
    ['a hint below zero', { refreshHint: -1 }],
  ])('refuses %s', (_what, change) => {
    expect(() => bundleDocument({ ...content, ...change })).toThrow(RangeError);
  });
});

describe('readBundle', () => {
  test('reads what we write', () => {
    const bundle = readBundle(document, td);
    expect(bundle.x509Authorities.map(base64)).toEqual([root, rsaRoot].map(base64));
    expect(bundle.jwtKeys.map(({ kid, use }) => [kid, use])).toEqual([
      [signing.kid, 'jwt-svid'],
      [spare.kid, 'jwt-svid'],
    ]);
    expect(bundle).toMatchObject({ trustDomain: td, sequence: 7n, refreshHint: 300, ignored: [] });
  });

  test('and what it reads verifies a JWT-SVID', () => {
    const bundles = (): ReturnType<typeof readBundle>['jwtKeys'] => readBundle(document, td).jwtKeys;
    expect(verifyJwtSvid(ourJwtSvid(signing), { bundles, audiences: [AUDIENCE], now: NOW }).kid).toBe(signing.kid);
  });

  // TDB-2
  test('holds the sequence as a bigint', () => {
    expect(readBundle('{"keys":[],"spiffe_sequence":9223372036854775807}', td).sequence).toBe(2n ** 63n - 1n);
    expect(readBundle('{"keys":[],"spiffe_sequence":0}', td).sequence).toBe(0n);
    expect(readBundle('{"keys":[]}', td).sequence).toBeUndefined();
  });

  // TDB-5, TDB-8, X509-74, JWT-43
  test.each<[string, unknown, string]>([
    ['an unknown kty', { ...jwtEntry, kty: 'AKP' }, 'its kty is not supported'],
    ['no kty', { ...jwtEntry, kty: undefined }, 'its kty is not supported'],
    ['no use', { ...jwtEntry, use: undefined }, 'its use is missing or unknown'],
    ['an unknown use', { ...jwtEntry, use: 'wit-svid' }, 'its use is missing or unknown'],
    ['a use in another case', { ...jwtEntry, use: 'JWT-SVID' }, 'its use is missing or unknown'],
    ['a JWT key without kid', { ...jwtEntry, kid: undefined }, 'it has no kid'],
    ['a JWT key with an empty kid', { ...jwtEntry, kid: '' }, 'it has no kid'],
    ['a private JWT key', { ...jwtEntry, d: 'AQ' }, 'it holds private members'],
    ['no x5c', { ...x509Entry, x5c: undefined }, 'its x5c holds no certificate'],
    ['an empty x5c', { ...x509Entry, x5c: [] }, 'its x5c holds no certificate'],
    ['an x5c that is text', { ...x509Entry, x5c: base64(root) }, 'its x5c holds no certificate'],
    ['an x5c of numbers', { ...x509Entry, x5c: [1] }, 'its x5c holds no certificate'],
    [
      'an x5c in base64url',
      { ...x509Entry, x5c: [Buffer.from(root).toString('base64url')] },
      'its x5c holds no certificate',
    ],
    ['an x5c of something else', { ...x509Entry, x5c: ['AAAA'] }, 'its x5c is no certificate'],
    [
      'an x5c of PEM',
      { ...x509Entry, x5c: [base64(Buffer.from(new X509Certificate(root).toString()))] },
      'its x5c is not the DER of one certificate',
    ],
    [
      'a certificate whose key is a point off its curve',
      { ...x509Entry, x5c: [withBrokenKey(root, '034200', 10)] },
      'the key of its certificate cannot be used',
    ],
    [
      'a certificate with a key of a kind that has no JWK',
      { ...x509Entry, x5c: [withBrokenKey(root, '06082a8648ce3d030107', 9)] },
      'the key of its certificate cannot be used',
    ],
    ["another certificate's x5c", { ...x509Entry, x5c: [base64(thirdRoot)] }, 'its key is not that of its certificate'],
    ['a certificate without key members', { use: 'x509-svid', x5c: [base64(root)] }, 'its kty is not supported'],
    ['no object', 'x', 'it is not an object'],
    ['null', null, 'it is not an object'],
  ])('leaves out an entry with %s and goes on', (_what, entry, reason) => {
    const bundle = read([entry, rsaEntry, jwtEntry]);
    expect(bundle.ignored).toEqual([`keys[0]: ${reason}`]);
    expect(bundle.x509Authorities.map(base64)).toEqual([base64(rsaRoot)]);
    expect(bundle.jwtKeys.map(({ kid }) => kid)).toEqual([signing.kid]);
  });

  test('trailing octets after the certificate are not part of one', () => {
    const bundle = read([{ ...x509Entry, x5c: [base64(Buffer.concat([root, Buffer.alloc(3)]))] }]);
    expect([bundle.x509Authorities, bundle.ignored.length]).toEqual([[], 1]);
  });

  // X509-74, X509-75
  test('takes the first x5c value, and an authority once', () => {
    const bundle = read([
      { ...x509Entry, x5c: [base64(root), 'no certificate'] },
      x509Entry,
      { ...rsaEntry, kid: 'ignored' },
    ]);
    expect(bundle.x509Authorities.map(base64)).toEqual([root, rsaRoot].map(base64));
  });

  // TDB-4, TDB-6
  test('an empty bundle is a bundle that trusts nothing', () => {
    expect(read([])).toMatchObject({ x509Authorities: [], jwtKeys: [] });
  });

  // TDB-8
  test('other members of the set do not matter', () => {
    expect(read([jwtEntry], { 'https://example.org/x': { y: 1 } }).jwtKeys).toHaveLength(1);
  });

  test.each<[string, string]>([
    ['no keys', '{}'],
    ['keys that are an object', '{"keys":{}}'],
    ['keys twice', '{"keys":[],"keys":[]}'],
    ['a sequence that is text', '{"keys":[],"spiffe_sequence":"1"}'],
    ['half a sequence', '{"keys":[],"spiffe_sequence":1.5}'],
    ['a hint that is text', '{"keys":[],"spiffe_refresh_hint":"300"}'],
    ['a hint below zero', '{"keys":[],"spiffe_refresh_hint":-1}'],
    ['a hint beyond all measure', '{"keys":[],"spiffe_refresh_hint":9223372036854775807}'],
    ['101 keys', JSON.stringify({ keys: Array.from({ length: 101 }, () => 1) })],
    ['no object', '[]'],
    ['no JSON', 'keys'],
    ['depth', `{"keys":${'['.repeat(20)}${']'.repeat(20)}}`],
    ['one kid for two keys', JSON.stringify({ keys: [jwtEntry, { ...entries[3], kid: signing.kid }] })],
  ])('refuses %s', (_what, text) => {
    expect(() => readBundle(text, td)).toThrow(Refusal);
  });

  test('refuses what is too large', () => {
    expect(() => readBundle(document, td, { maxBytes: 100 })).toThrow(
      expect.objectContaining({ code: 'payload_too_large' }),
    );
    expect(() => readBundle(' '.repeat(1024 * 1024 + 1), td)).toThrow(Refusal);
  });
});

describe('readBundleMap', () => {
  // TDB-30, TDB-32
  test('reads bundles by name and drops their hints', () => {
    const map = readBundleMap(`{"trust_domains":{"example.org":${document},"b.example":{"keys":[]}}}`);
    expect([...map.keys()]).toEqual(['example.org', 'b.example']);
    expect(map.get(td)).toMatchObject({ trustDomain: td, sequence: 7n });
    expect(map.get(td)).not.toHaveProperty('refreshHint');
    expect(readBundleMap('{"trust_domains":{}}').size).toBe(0);
  });

  // TDB-31, TDB-33
  test.each<[string, string]>([
    ['no trust_domains', '{}'],
    ['a list', '{"trust_domains":[]}'],
    ['a name twice', '{"trust_domains":{"a":{"keys":[]},"a":{"keys":[]}}}'],
    ['a name twice, once escaped', '{"trust_domains":{"a":{"keys":[]},"\\u0061":{"keys":[]}}}'],
    ['a SPIFFE ID as name', '{"trust_domains":{"spiffe://a":{"keys":[]}}}'],
    ['a name in upper case', '{"trust_domains":{"A":{"keys":[]}}}'],
    ['an empty name', '{"trust_domains":{"":{"keys":[]}}}'],
    ['a prototype', '{"trust_domains":{"__proto__":{"keys":[]}}}'],
    ['one bad bundle', '{"trust_domains":{"a":{"keys":[]},"b":{}}}'],
    ['a bundle that is a list', '{"trust_domains":{"a":[]}}'],
  ])('refuses %s', (_what, text) => {
    expect(() => readBundleMap(text)).toThrow(Refusal);
  });
});
