import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { NULL, bitString, objectIdentifier, sequence, unsignedInteger } from '../../src/formats/der.ts';
import { DerError } from '../../src/formats/der-reader.ts';
import { publicKeyPem, readPublicKey } from '../../src/formats/public-key.ts';
import { newKey } from '../support/x509.ts';

const spkiOf = (curve: string): Buffer =>
  generateKeyPairSync('ec', { namedCurve: curve }).publicKey.export({ type: 'spki', format: 'der' });

const RSA = objectIdentifier('1.2.840.113549.1.1.1');
const rsa = (...numbers: Uint8Array[]): Buffer => sequence(sequence(RSA, NULL), bitString(sequence(...numbers)));

test.each([
  ['P-256', 'p256', 256],
  ['P-384', 'p384', 384],
  ['P-521', 'p521', 521],
  ['secp256k1', 'other', 0],
])('%s', (curve, kind, bits) => {
  expect(readPublicKey(spkiOf(curve))).toMatchObject({ kind, bits });
});

test('RSA', () => {
  const { spki } = newKey('rsa');
  expect(readPublicKey(spki)).toMatchObject({ kind: 'rsa', bits: 2048, exponent: 65537 });
});

test.each([
  [0x80, 2048],
  [0x7f, 2047],
  [0x01, 2041],
])('the bits of a modulus that begins with 0x%s', (first, bits) => {
  const modulus = Buffer.alloc(256, 0xff);
  modulus[0] = first;
  expect(readPublicKey(rsa(unsignedInteger(modulus), unsignedInteger(Buffer.of(3)))).bits).toBe(bits);
});

test('the PEM form is the same key', () => {
  const { spki, publicKey } = newKey();
  expect(createPublicKey(publicKeyPem(spki)).equals(publicKey)).toBe(true);
});

const n = unsignedInteger(Buffer.alloc(256, 0xff));
const e = unsignedInteger(Buffer.of(1, 0, 1));

test.each<[string, Uint8Array]>([
  ['nothing', new Uint8Array()],
  ['bytes after the end', Buffer.concat([newKey().spki, Buffer.of(0)])],
  ['RSA without parameters', sequence(sequence(RSA), bitString(sequence(n, e)))],
  ['RSA with other parameters', sequence(sequence(RSA, sequence()), bitString(sequence(n, e)))],
  ['RSA with two parameters', sequence(sequence(RSA, NULL, NULL), bitString(sequence(n, e)))],
  ['RSA with one number', rsa(n)],
  ['RSA with three numbers', rsa(n, e, e)],
  ['RSA with bytes after the key', sequence(sequence(RSA, NULL), bitString(Buffer.concat([sequence(n, e), NULL])))],
  ['RSA with a negative modulus', rsa(Buffer.of(2, 1, 0xff), e)],
  ['RSA with an even modulus', rsa(unsignedInteger(Buffer.of(4)), e)],
  ['key bits that are no whole octets', sequence(sequence(RSA, NULL), bitString(Buffer.of(0x80), 1))],
])('refuses %s', (_, spki) => {
  expect(() => readPublicKey(spki)).toThrow(DerError);
});
