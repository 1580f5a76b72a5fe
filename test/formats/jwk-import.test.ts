import { generateKeyPairSync } from 'node:crypto';
import { Refusal } from '../../src/domain/refusal.ts';
import { publicJwk } from '../../src/formats/jwk.ts';
import { importJwk, importJwks, type ImportJwkOptions } from '../../src/formats/jwk-import.ts';
import type { JsonObject } from '../../src/formats/json.ts';
import { isRocaModulus } from '../../src/formats/roca.ts';
import { testKey } from '../support/jwt-keys.ts';

const ec = testKey('ES256').verification.jwk as unknown as JsonObject;
const rsa = testKey('RS256').verification.jwk as unknown as JsonObject;
const okp = testKey('EdDSA').verification.jwk as unknown as JsonObject;

const reasonOf = (jwk: JsonObject, options?: ImportJwkOptions): string | undefined => {
  try {
    importJwk(jwk, options);
    return undefined;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'unsupported_key') return error.reason;
    throw error;
  }
};

const number = (hex: string): string => Buffer.from(hex, 'hex').toString('base64url');
const bits = (count: number): string => number(`${'f'.repeat(count / 4 - 1)}d`);

describe('importJwk', () => {
  test.each([
    ['EC', ec],
    ['RSA', rsa],
    ['OKP', okp],
  ])('takes a public %s key', (_kty, jwk) => {
    const key = importJwk({ ...jwk, kid: 'a', use: 'sig', alg: 'x', key_ops: ['verify'], unknown: 1 });
    expect(publicJwk(key.key)).toEqual(jwk);
    expect(key).toMatchObject({ kid: 'a', use: 'sig', alg: 'x', jwk });
  });

  test('takes the other curves', () => {
    for (const alg of ['ES384', 'ES512']) {
      const { jwk } = testKey(alg).verification;
      expect(reasonOf(jwk as unknown as JsonObject)).toBeUndefined();
    }
  });

  // JK-09
  test.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'])('refuses the private member %s', (member) => {
    expect(reasonOf({ ...rsa, [member]: 'AQAB' })).toBe('it holds private members');
    expect(reasonOf({ ...ec, [member]: null })).toBe('it holds private members');
  });

  // JK-09
  test.each<[string, JsonObject, string]>([
    ['no members', {}, 'its kty is not supported'],
    ['a secret', { kty: 'oct' }, 'its kty is not supported'],
    ['another case', { ...ec, kty: 'ec' }, 'its kty is not supported'],
    ['an unknown curve', { ...ec, crv: 'secp256k1' }, 'its curve is not supported'],
    ['the wrong curve', { ...ec, crv: 'P-384' }, 'a coordinate has not the length of the curve'],
    ['no y', { kty: 'EC', crv: 'P-256', x: ec['x'] }, 'y is not base64url'],
    ['x and y the same', { ...ec, y: ec['x'] }, 'it is no point of its curve'],
    [
      'the point (0, 0)',
      { ...ec, x: number('00'.repeat(32)), y: number('00'.repeat(32)) },
      'it is no point of its curve',
    ],
    ['coordinates beyond the field', { ...ec, x: number('ff'.repeat(32)) }, 'it is no point of its curve'],
    ['a coordinate too short', { ...ec, x: number('01'.repeat(31)) }, 'a coordinate has not the length of the curve'],
    [
      'a coordinate padded',
      { ...ec, x: number(`00${'01'.repeat(32)}`) },
      'a coordinate has not the length of the curve',
    ],
    ['padded base64', { ...ec, x: `${ec['x'] as string}=` }, 'x is not base64url'],
    ['a number in place of text', { ...ec, x: 1 }, 'x is not base64url'],
    ['1024 bits', { ...rsa, n: bits(1024) }, 'RSA keys have at least 2048 bits'],
    ['2047 bits', { ...rsa, n: number(`7f${'ff'.repeat(255)}`) }, 'RSA keys have at least 2048 bits'],
    ['8200 bits', { ...rsa, n: bits(8200) }, 'RSA keys have at most 8192 bits'],
    ['a leading zero', { ...rsa, n: number(`00${'ff'.repeat(256)}`) }, 'a number starts with a zero octet'],
    ['an even modulus', { ...rsa, n: number(`${'ff'.repeat(255)}fe`) }, 'its modulus is even'],
    ['exponent 1', { ...rsa, e: number('01') }, 'its exponent is even or below 3'],
    ['exponent 2', { ...rsa, e: number('02') }, 'its exponent is even or below 3'],
    ['an even exponent', { ...rsa, e: number('010000') }, 'its exponent is even or below 3'],
    ['exponent 0', { ...rsa, e: number('00') }, 'a number starts with a zero octet'],
    ['a long exponent', { ...rsa, e: number('01'.repeat(9)) }, 'its exponent is too long'],
    ['no exponent', { kty: 'RSA', n: rsa['n'] }, 'e is not base64url'],
    ['X25519', { ...okp, crv: 'X25519' }, 'its curve is not supported'],
    ['a short Ed25519 key', { ...okp, x: number('01'.repeat(31)) }, 'its curve is not supported'],
    ['use enc', { ...ec, use: 'enc' }, 'its use is another'],
    ['use in another case', { ...ec, use: 'SIG' }, 'its use is another'],
    ['a use that is no text', { ...ec, use: ['sig'] }, 'use is not a string'],
    ['key_ops without verify', { ...ec, key_ops: ['encrypt'] }, 'its key_ops do not hold verify'],
    ['key_ops that are no list', { ...ec, key_ops: 'verify' }, 'its key_ops do not hold verify'],
    ['a kid that is a number', { ...ec, kid: 1 }, 'kid is not a string'],
    ['a kid of 257 characters', { ...ec, kid: 'a'.repeat(257) }, 'its kid is too long'],
    ['an alg that is no text', { ...ec, alg: null }, 'alg is not a string'],
  ])('refuses %s', (_what, jwk, reason) => {
    expect(reasonOf(jwk)).toBe(reason);
  });

  test('the caller says which uses and sizes are welcome', () => {
    expect(reasonOf({ ...ec, use: 'jwt-svid' }, { uses: ['jwt-svid'] })).toBeUndefined();
    expect(reasonOf({ ...ec, use: 'sig' }, { uses: ['jwt-svid'] })).toBe('its use is another');
    expect(reasonOf(ec, { uses: ['jwt-svid'] })).toBeUndefined();
    expect(reasonOf({ ...rsa, n: bits(4104) }, { maxRsaBits: 4096 })).toBe('RSA keys have at most 4096 bits');
  });
});

describe('isRocaModulus', () => {
  test('sound keys carry no mark', () => {
    const { n } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
    expect(isRocaModulus(Buffer.from(n ?? '', 'base64url'))).toBe(false);
  });

  test('a power of 65537 carries it', () => {
    expect(isRocaModulus(Buffer.from((65537n ** 128n).toString(16).padStart(514, '0'), 'hex'))).toBe(true);
  });
});

describe('importJwks', () => {
  // TDB-5
  test('leaves out what it cannot use and goes on', () => {
    const keys = importJwks({
      keys: [
        { kty: 'AKP', alg: 'ML-DSA-44' },
        1,
        null,
        [],
        { ...ec, use: 'enc' },
        { ...ec, kid: 'good' },
        { ...rsa, e: 'AQ' },
      ],
    });
    expect(keys.map(({ kid }) => kid)).toEqual(['good']);
  });

  // JK-09
  test('refuses one kid for two keys, keeps one of two equal entries', () => {
    expect(() =>
      importJwks({
        keys: [
          { ...ec, kid: 'a' },
          { ...rsa, kid: 'a' },
        ],
      }),
    ).toThrow(Refusal);
    expect(
      importJwks({
        keys: [
          { ...ec, kid: 'a' },
          { ...ec, kid: 'a' },
          { ...ec, kid: 'b' },
        ],
      }),
    ).toHaveLength(2);
  });

  test.each<[string, JsonObject]>([
    ['no keys', {}],
    ['keys that are no list', { keys: { a: 1 } }],
    ['101 keys', { keys: Array.from({ length: 101 }, () => ec) }],
  ])('refuses a set with %s', (_what, set) => {
    expect(() => importJwks(set)).toThrow(Refusal);
  });

  test('an empty set is a set', () => {
    expect(importJwks({ keys: [] })).toEqual([]);
  });
});
