import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { csrDigest, possessionMessage } from '../../src/formats/possession.ts';
import { possessionProblem } from '../../src/verify/possession.ts';

const spkiOf = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });

const KEYS = [
  ['P-256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'sha256'],
  ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey, 'sha384'],
  ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, 'sha256'],
] as const;
const [[, p256]] = KEYS;

const message = possessionMessage(csrDigest(Buffer.from('csr')), Buffer.from('nonce'));

describe('possessionProblem', () => {
  test.each(KEYS)('%s: a signature by the key over the message is good', (_name, key, hash) => {
    expect(possessionProblem(spkiOf(key), message, sign(hash, message, key))).toBeUndefined();
  });

  test.each(KEYS)('%s: a signature over something else is not', (_name, key, hash) => {
    const other = possessionMessage(csrDigest(Buffer.from('other csr')), Buffer.from('nonce'));
    expect(possessionProblem(spkiOf(key), message, sign(hash, other, key))).toMatch(/does not verify/);
  });

  test.each(KEYS)('%s: a signature by another key is not', (name, key, hash) => {
    const type =
      name === 'RSA'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ec', { namedCurve: name });
    expect(possessionProblem(spkiOf(key), message, sign(hash, message, type.privateKey))).toMatch(/does not verify/);
  });

  test.each([
    ['an Ed25519 key', spkiOf(generateKeyPairSync('ed25519').privateKey), 'not P-256'],
    ['a P-521 key', spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey), 'not P-256'],
    ['a short RSA key', spkiOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey), 'not P-256'],
    ['noise', Buffer.from('noise'), 'malformed'],
    ['nothing', Buffer.alloc(0), 'malformed'],
    ['an endless key', Buffer.alloc(2000, 0x30), 'too long'],
  ])('refuses %s before any signature', (_what, spki, problem) => {
    expect(possessionProblem(spki, message, sign('sha256', message, p256))).toContain(problem);
  });

  test('a point off its curve does not load', () => {
    const spki = Buffer.from(spkiOf(p256));
    spki.fill(0x01, spki.length - 32);
    expect(possessionProblem(spki, message, sign('sha256', message, p256))).toMatch(/does not load|does not verify/);
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['noise', Buffer.from('noise')],
    ['zeros', Buffer.alloc(64)],
  ])('a signature of %s is refused', (_what, signature) => {
    expect(possessionProblem(spkiOf(p256), message, signature)).toBeDefined();
  });
});
