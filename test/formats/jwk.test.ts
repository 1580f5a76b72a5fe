import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { calculateJwkThumbprint, createLocalJWKSet, exportJWK, type JSONWebKeySet } from 'jose';
import { certificateThumbprint } from '../../src/formats/certificate-hash.ts';
import { strongEtag } from '../../src/formats/etag.ts';
import {
  jwksDocument,
  jwkThumbprint,
  keyIdOf,
  publicJwk,
  publicJwkOfSpki,
  type PublicJwk,
} from '../../src/formats/jwk.ts';
import { testKey } from '../support/jwt-keys.ts';

/** RFC 7638 §3.1, RFC 8037 appendix A.3, RFC 9449 §4.2. */
const published: readonly (readonly [string, PublicJwk, string])[] = [
  [
    'RFC 7638',
    {
      kty: 'RSA',
      n:
        '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs' +
        'tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5ha' +
        'jrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
      e: 'AQAB',
    },
    'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
  ],
  [
    'RFC 8037',
    { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
    'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  ],
  [
    'RFC 9449',
    {
      kty: 'EC',
      crv: 'P-256',
      x: 'l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs',
      y: '9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA',
    },
    '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I',
  ],
];

describe('jwkThumbprint', () => {
  // JK-03
  test.each(published)('%s', (_source, jwk, thumbprint) => {
    expect(jwkThumbprint(jwk)).toBe(thumbprint);
  });

  test.each(['ES256', 'ES384', 'ES512', 'RS256', 'EdDSA'])('of a key for %s is what jose says', async (alg) => {
    const key = testKey(alg);
    expect(keyIdOf(key.publicKey)).toBe(await calculateJwkThumbprint(await exportJWK(key.publicKey)));
    expect(keyIdOf(key.privateKey)).toBe(key.kid);
  });

  test('coordinates keep their leading zeros', () => {
    for (let tries = 0; tries < 600; tries++) {
      const jwk = publicJwk(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);
      expect(jwk.kty === 'EC' && jwk.x.length === 43 && jwk.y.length === 43).toBe(true);
    }
  });
});

describe('publicJwk', () => {
  // JK-01
  test.each(['ES256', 'RS256', 'EdDSA'])('holds nothing private of a key for %s', (alg) => {
    const key = testKey(alg);
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']) {
      expect(publicJwk(key.privateKey)).not.toHaveProperty(member);
    }
    expect(publicJwk(key.privateKey)).toEqual(publicJwk(key.publicKey));
    const spki = key.publicKey.export({ format: 'der', type: 'spki' });
    expect(publicJwkOfSpki(spki)).toEqual(publicJwk(key.publicKey));
  });

  test('refuses keys that sign no token', () => {
    expect(() => publicJwk(generateKeyPairSync('x25519').publicKey)).toThrow(RangeError);
    expect(() => publicJwk(generateKeyPairSync('ed448').publicKey)).toThrow(RangeError);
    expect(() => publicJwk(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey)).toThrow(RangeError);
    expect(() => publicJwk(createSecretKey(Buffer.alloc(32)))).toThrow(RangeError);
  });
});

describe('jwksDocument', () => {
  const rows = ['ES256', 'RS256']
    .map(testKey)
    .map((key) => ({ kid: keyIdOf(key.publicKey), alg: key.alg, jwk: key.verification.jwk }));

  // JK-01, JK-02
  test('names kid, alg and use of each key, and nothing private', async () => {
    const document = JSON.parse(jwksDocument(rows)) as JSONWebKeySet;
    expect(document.keys.map((key) => Object.keys(key).sort())).toEqual([
      ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'],
      ['alg', 'e', 'kid', 'kty', 'n', 'use'],
    ]);
    expect(document.keys.map(({ use }) => use)).toEqual(['sig', 'sig']);
    const set = createLocalJWKSet(document);
    expect(await set({ alg: 'RS256', kid: rows[1]?.kid ?? '' }, { payload: '', signature: '' })).toBeDefined();
  });

  test('refuses a kid that stands twice', () => {
    expect(() => jwksDocument([...rows, ...rows])).toThrow(RangeError);
  });

  test('may be empty', () => {
    expect(jwksDocument([])).toBe('{"keys":[]}');
  });
});

// DEC-24
test('a strong entity tag follows the octets', () => {
  expect(strongEtag('{}')).toMatch(/^"[\w-]{22}"$/);
  expect(strongEtag('{}')).toBe(strongEtag(Buffer.from('{}')));
  expect(strongEtag('{}')).not.toBe(strongEtag('{} '));
});

test('x5t#S256 is base64url of the SHA-256', () => {
  // SHA-256 of no octets at all.
  expect(certificateThumbprint(new Uint8Array())).toBe('47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU');
});
