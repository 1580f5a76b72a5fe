import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { ecdsaP1363ToDer } from '../../src/formats/ecdsa-signature.ts';
import type { VerificationKey } from '../../src/formats/jwk-import.ts';
import type { JwsAlgorithm } from '../../src/verify/jws-signature.ts';
import { encodePart as encode, jwsReason } from '../support/jws-reason.ts';
import { signToken, testKey } from '../support/jwt-keys.ts';

const es256 = testKey('ES256');
const rs256 = testKey('RS256');
const payload = { sub: 'x' };
const reasonOf = (token: string, keys: readonly VerificationKey[] = [es256.verification]): string | undefined =>
  jwsReason(token, keys);
const good = signToken(es256, 'JWT', payload);
const [goodHeader = '', goodPayload = '', goodSignature = ''] = good.split('.');

describe('the signature', () => {
  const withSignature = (signature: Buffer): string =>
    `${goodHeader}.${goodPayload}.${signature.toString('base64url')}`;
  const raw = Buffer.from(goodSignature, 'base64url');
  const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
  const zero = Buffer.alloc(32);

  // JW-06
  test.each<[string, Buffer]>([
    ['r = s = 0', Buffer.alloc(64)],
    ['r = 0', Buffer.concat([zero, raw.subarray(32)])],
    ['s = 0', Buffer.concat([raw.subarray(0, 32), zero])],
    ['r = s = n', Buffer.concat([order, order])],
    ['all ones', Buffer.alloc(64, 0xff)],
    ['r and s swapped', Buffer.concat([raw.subarray(32), raw.subarray(0, 32)])],
    ['DER', ecdsaP1363ToDer(raw, 'p256')],
    ['a leading zero', Buffer.concat([Buffer.alloc(1), raw])],
    ['trailing zeros', Buffer.concat([raw, Buffer.alloc(2)])],
    ['one octet less', raw.subarray(0, 63)],
    ['one octet', Buffer.alloc(1)],
  ])('refuses %s', (_what, signature) => {
    expect(reasonOf(withSignature(signature))).toBe('the signature is wrong');
  });

  test('of PKCS #1 does not pass for PSS, nor the other way round', () => {
    const pss = { ...rs256, alg: 'PS256' };
    const swap = (token: string, alg: JwsAlgorithm): string => {
      const [, body = '', signature = ''] = token.split('.');
      return `${encode({ alg, kid: rs256.kid })}.${body}.${signature}`;
    };
    expect(reasonOf(signToken(pss, 'JWT', payload), [rs256.verification])).toBeUndefined();
    expect(reasonOf(swap(signToken(pss, 'JWT', payload), 'RS256'), [rs256.verification])).toBe(
      'the signature is wrong',
    );
    expect(reasonOf(swap(signToken(rs256, 'JWT', payload), 'PS256'), [rs256.verification])).toBe(
      'the signature is wrong',
    );
  });

  test('of PSS has a salt as long as the hash', () => {
    const input = `${encode({ alg: 'PS256', kid: rs256.kid })}.${goodPayload}`;
    for (const saltLength of [0, 20, 64]) {
      const signature = sign('sha256', Buffer.from(input), { key: rs256.privateKey, padding: 6, saltLength });
      expect(reasonOf(`${input}.${signature.toString('base64url')}`, [rs256.verification])).toBe(
        'the signature is wrong',
      );
    }
  });

  test('a key that the library cannot use is a no, not an accident', () => {
    const { publicKey } = generateKeyPairSync('x25519');
    const broken = { ...es256.verification, key: createPublicKey(publicKey.export({ format: 'pem', type: 'spki' })) };
    expect(reasonOf(good, [broken])).toBe('the signature is wrong');
  });
});
