import { createPublicKey, generateKeyPairSync, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { readCertificate } from '../../src/formats/certificate.ts';
import { assembleCsr, csrInfo, writeCsr } from '../../src/formats/csr-writer.ts';
import {
  bitString,
  contextConstructed,
  objectIdentifier,
  octetString,
  sequence,
  smallInteger,
} from '../../src/formats/der.ts';
import { codeOf } from '../support/hostile.ts';
import { type Held, heldFrom, Journey } from '../support/journey.ts';
import { newKey } from '../support/x509.ts';

/** Requests of an agent over mTLS: the key is all that is taken from them (DEC-20). */

let journey: Journey;
let agent: Held;
const key = newKey();

beforeAll(async () => {
  journey = await Journey.start();
  agent = await journey.attest({ agent: 'node' });
  await journey.entry('web', { parentId: agent.spiffeId });
});
afterAll(() => journey.stop());

const ask = (csr: Uint8Array) =>
  journey.api(agent).postJson('/v1/svids/x509', {
    items: [{ csr: Buffer.from(csr).toString('base64'), entryId: 'web' }],
  });

const signed = (info: Buffer, by = key): Buffer => assembleCsr(info, 'ES256', sign('sha256', info, by.privateKey));
const infoOver = (spki: Uint8Array): Buffer => sequence(smallInteger(0), sequence(), spki, contextConstructed(0));
const spkiOf = ({ publicKey }: { publicKey: KeyObject }): Buffer => publicKey.export({ type: 'spki', format: 'der' });

const BOOLEAN_TRUE = Buffer.from('0101ff', 'hex');
const extension = (oid: string, value: Buffer, critical = false): Buffer =>
  sequence(objectIdentifier(oid), ...(critical ? [BOOLEAN_TRUE] : []), octetString(value));

/** What somebody would like to have: CA, any purpose, another identity, and something nobody knows, critical. */
const WISHES = [
  extension('2.5.29.19', sequence(BOOLEAN_TRUE), true),
  extension('2.5.29.15', Buffer.from('03020106', 'hex'), true),
  extension('2.5.29.17', sequence(Buffer.concat([Buffer.of(0x86, 26), Buffer.from('spiffe://example.org/admin')]))),
  extension('2.5.29.37', sequence(objectIdentifier('2.5.29.37.0'))),
  extension('1.3.6.1.4.1.99999.1', Buffer.from('0500', 'hex'), true),
];

test('what a request wishes for is not what it gets', async () => {
  const subjectName = Buffer.from('301031 0e300c06035504030c0561646d696e'.replaceAll(' ', ''), 'hex');
  const answer = await ask(signed(csrInfo({ spki: key.spki, subjectName, extensions: WISHES })));
  expect(answer.status).toBe(200);
  const held = heldFrom((answer.json() as { items: unknown[] }).items[0], key);
  const plain = heldFrom(((await ask(writeCsr(key.privateKey))).json() as { items: unknown[] }).items[0], key);
  const [leaf, like] = [held, plain].map(({ chain: [der = Buffer.alloc(0)] }) => readCertificate(der));
  expect([...(leaf?.extensions.keys() ?? [])]).toEqual([...(like?.extensions.keys() ?? ['none'])]);
  const read = new X509Certificate(held.chain[0] ?? '');
  expect([read.ca, read.subject, read.subjectAltName]).toEqual([
    false,
    'O=example.org',
    'URI:spiffe://example.org/web',
  ]);
});

/** Nobody has its private half, and nobody is to find out whether it signed. */
const hugeRsa = (bytes: number): Buffer => {
  const n = Buffer.alloc(bytes, 0xff).toString('base64url');
  return spkiOf({ publicKey: createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' }) });
};

const point = key.spki.subarray(-65);
const EC = objectIdentifier('1.2.840.10045.2.1');
const P256 = objectIdentifier('1.2.840.10045.3.1.7');
const curveKey = (bits: Uint8Array, parameters: Uint8Array = P256): Buffer =>
  signed(infoOver(sequence(sequence(EC, parameters), bitString(bits))));
const offCurve = Buffer.concat([point.subarray(0, 64), Buffer.of((point[64] ?? 0) ^ 1)]);
const good = writeCsr(key.privateKey);
const content = good.subarray((good[1] ?? 0) > 0x7f ? 3 : 2);
const info = csrInfo({ spki: key.spki });

test.each<[string, () => Uint8Array]>([
  ['the signature of another key', () => signed(info, newKey())],
  ['a signature over other bytes', () => assembleCsr(info, 'ES256', sign('sha256', Buffer.from('x'), key.privateKey))],
  ['r = s = 0', () => assembleCsr(info, 'ES256', Buffer.from('3006020100020100', 'hex'))],
  [
    'r‖s in place of DER',
    () => assembleCsr(info, 'ES256', sign('sha256', info, { key: key.privateKey, dsaEncoding: 'ieee-p1363' })),
  ],
  // The key that signed, so that nothing but its form is wrong.
  ['a compressed point', () => curveKey(Buffer.concat([Buffer.of(2 + ((point[64] ?? 0) & 1)), point.subarray(1, 33)]))],
  ['a point off its curve', () => curveKey(offCurve)],
  ['the point at infinity', () => curveKey(Buffer.of(0))],
  ['a curve written out', () => curveKey(point, sequence(smallInteger(1)))],
  ['a byte after the end', () => Buffer.concat([good, Buffer.of(0)])],
  ['a second request after the end', () => Buffer.concat([good, good])],
  ['a byte too few', () => good.subarray(0, -1)],
  ['a length in BER', () => Buffer.concat([Buffer.of(0x30, 0x82, 0, content.length), content])],
  ['an extension that is not DER', () => signed(csrInfo({ spki: key.spki, extensions: [Buffer.of(0x30, 9)] }))],
  [
    'SHA-1',
    () =>
      sequence(info, sequence(objectIdentifier('1.2.840.10045.4.1')), bitString(sign('sha1', info, key.privateKey))),
  ],
  ['noise', () => Buffer.from('noise')],
])('%s is invalid_csr', async (_what, make) => {
  expect(codeOf(await ask(make()))).toBe('400 invalid_csr');
});

test.each<[string, () => Uint8Array]>([
  ['P-521', () => spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-521' }))],
  ['secp256k1', () => spkiOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }))],
  ['Ed25519', () => spkiOf(generateKeyPairSync('ed25519'))],
  ['RSA of 1024 bits', () => spkiOf(generateKeyPairSync('rsa', { modulusLength: 1024 }))],
  ['RSA of 4,104 bits', () => hugeRsa(513)],
  ['RSA of 40,000 bits', () => hugeRsa(5000)],
  ['RSA with e = 3', () => spkiOf(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }))],
])('%s is unsupported_key', async (_what, spki) => {
  expect(codeOf(await ask(signed(infoOver(spki()))))).toBe('400 unsupported_key');
});

test('the same at attestation, where it spends nothing', async () => {
  const token = await journey.joinToken({ agent: 'other' });
  const csr = Buffer.concat([good, Buffer.of(0)]).toString('base64');
  const answer = await journey.api().postJson('/v1/attest', { type: 'join_token', evidence: { token }, csr });
  expect(codeOf(answer)).toBe('400 invalid_csr');
  expect((await journey.redeem(token, newKey())).status).toBe(200);
});

test('one bad request in a batch is no way for it to ride on a good one', async () => {
  const items = [good, Buffer.concat([good, Buffer.of(0)]), signed(info, newKey())].map((csr) => ({
    csr: csr.toString('base64'),
    entryId: 'web',
  }));
  const answer = await journey.api(agent).postJson('/v1/svids/x509', { items });
  const results = (answer.json() as { items: { serial?: string; error?: { code: string } }[] }).items;
  expect(results.map(({ serial, error }) => error?.code ?? typeof serial)).toEqual([
    'string',
    'invalid_csr',
    'invalid_csr',
  ]);
});
