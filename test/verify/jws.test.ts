import { createHmac, sign } from 'node:crypto';
import * as fc from 'fast-check';
import { OIDC_ALGORITHMS } from '../../src/verify/oidc-token.ts';
import type { VerificationKey } from '../../src/formats/jwk-import.ts';
import type { JwsOptions } from '../../src/verify/jws.ts';
import { encodePart as encode, jwsReason } from '../support/jws-reason.ts';
import { signCompact, signToken, testKey } from '../support/jwt-keys.ts';

const es256 = testKey('ES256');
const rs256 = testKey('RS256');
const payload = { sub: 'x' };
const reasonOf = (
  token: string,
  keys: readonly VerificationKey[] = [es256.verification],
  options?: JwsOptions,
): string | undefined => jwsReason(token, keys, options);

const good = signToken(es256, 'JWT', payload);
const [goodHeader = '', goodPayload = '', goodSignature = ''] = good.split('.');

test.each(OIDC_ALGORITHMS)('verifies %s', (alg) => {
  const key = testKey(alg);
  const token = signToken(key, 'JWT', payload);
  expect(reasonOf(token, [key.verification])).toBeUndefined();
  expect(reasonOf(token, [testKey(alg).verification])).toBe('no key with this kid');
  const named = { ...testKey(alg).verification, kid: key.kid };
  expect(reasonOf(token, [named])).toBe('the signature is wrong');
});

describe('the algorithm', () => {
  // JW-01, JW-02, JWT-3, JWT-20
  test.each([
    'none',
    'None',
    'NONE',
    'nOnE',
    '',
    'HS256',
    'HS512',
    'es256',
    'ES256 ',
    'ES256K',
    'RS1',
    'ES521',
    null,
    1,
    ['ES256'],
  ])('refuses %j', (alg) => {
    const signature = sign('sha256', Buffer.from('x'), es256.privateKey).toString('base64url');
    const token = `${encode({ alg, kid: es256.kid })}.${goodPayload}.${signature}`;
    expect(reasonOf(token)).toBe('the algorithm is not allowed');
  });

  test('none without a signature is not even a token', () => {
    expect(reasonOf(`${encode({ alg: 'none' })}.${goodPayload}.`)).toBe('the token is not a compact JWS');
  });

  test('a MAC keyed with the public key, in any of its forms, is refused', () => {
    const { publicKey } = rs256;
    const forms = [
      publicKey.export({ format: 'pem', type: 'spki' }),
      publicKey.export({ format: 'der', type: 'spki' }),
      publicKey.export({ format: 'pem', type: 'pkcs1' }),
      JSON.stringify(publicKey.export({ format: 'jwk' })),
    ];
    for (const secret of forms) {
      const input = `${encode({ alg: 'HS256', kid: rs256.kid })}.${goodPayload}`;
      const token = `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
      expect(reasonOf(token, [rs256.verification])).toBe('the algorithm is not allowed');
    }
  });

  test('is checked against what the caller allows, and before the rest of the header', () => {
    const bad = `${encode({ alg: 'RS256', crit: ['x'], kid: 1 })}.${goodPayload}.${goodSignature}`;
    expect(reasonOf(bad, [es256.verification], { algorithms: ['ES256'] })).toBe('the algorithm is not allowed');
  });

  // JW-01
  test.each<[string, string]>([
    ['ES256', 'RS256'],
    ['RS256', 'ES256'],
    ['ES384', 'ES256'],
    ['ES256', 'EdDSA'],
    ['EdDSA', 'PS256'],
  ])('%s does not go with a key for %s', (alg, keyAlg) => {
    const key = testKey(keyAlg);
    const token = `${encode({ alg, kid: key.kid })}.${goodPayload}.${goodSignature}`;
    expect(reasonOf(token, [key.verification])).toBe('the algorithm does not fit the key');
  });

  test('has to be the one that the key names', () => {
    const token = signToken(rs256, 'JWT', payload);
    expect(reasonOf(token, [{ ...rs256.verification, alg: 'RS256' }])).toBeUndefined();
    expect(reasonOf(token, [{ ...rs256.verification, alg: 'PS256' }])).toBe('the algorithm does not fit the key');
    expect(reasonOf(token, [{ ...rs256.verification, alg: '' }])).toBe('the algorithm does not fit the key');
  });

  // JK-10
  test('of Ed25519 has two names', () => {
    for (const [name, keyName] of [
      ['EdDSA', 'Ed25519'],
      ['Ed25519', 'EdDSA'],
    ] as const) {
      const key = testKey(name);
      expect(reasonOf(signToken(key, 'JWT', payload), [{ ...key.verification, alg: keyName }])).toBeUndefined();
    }
  });
});

describe('the shape', () => {
  // JW-02
  test.each<[string, string]>([
    ['nothing', ''],
    ['two parts', `${goodHeader}.${goodPayload}`],
    ['four parts', `${good}.x`],
    ['five parts, as JWE has', `${good}.x.x`],
    ['no signature', `${goodHeader}.${goodPayload}.`],
    ['no header', `.${goodPayload}.${goodSignature}`],
    ['padding', `${good}==`],
    ['white space before', ` ${good}`],
    ['a line end', `${good}\n`],
    ['white space inside', good.replace('.', ' .')],
    ['standard base64', good.replace(/[A-Za-z]/, '+')],
    ['another script', good.replace(/[A-Za-z]/, '\u0430')],
    ['JSON serialization', JSON.stringify({ protected: goodHeader, payload: goodPayload, signature: goodSignature })],
    ['a scheme', `Bearer ${good}`],
  ])('refuses %s', (_what, token) => {
    expect(reasonOf(token)).toBe('the token is not a compact JWS');
  });

  // JW-02
  test('refuses unused bits that are set, in every part', () => {
    const withTrailingBit = (part: string): string => {
      const last = part.at(-1) ?? '';
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
      return `${part.slice(0, -1)}${alphabet[alphabet.indexOf(last) + 1] ?? ''}`;
    };
    // 86 characters of a P-256 signature leave four bits unused.
    expect(reasonOf(`${goodHeader}.${goodPayload}.${withTrailingBit(goodSignature)}`)).toMatch(
      /signature is not canonical/,
    );
    const header = encode({ alg: 'ES256', kid: 'a' });
    expect(header.length % 4).not.toBe(0);
    expect(reasonOf(`${withTrailingBit(header)}.${goodPayload}.${goodSignature}`)).toMatch(/header is not canonical/);
    expect(reasonOf(`${goodHeader}.${withTrailingBit(encode('ab'))}.${goodSignature}`)).toMatch(
      /payload is not canonical/,
    );
  });

  test.each<[string, string]>([
    ['duplicate members', `{"alg":"none","alg":"ES256","kid":"${es256.kid}"}`],
    ['duplicate members with an escape', `{"alg":"none","\\u0061lg":"ES256"}`],
    ['a prototype', `{"alg":"ES256","__proto__":{}}`],
    ['no JSON', 'alg=ES256'],
    ['an array', '["ES256"]'],
    ['a byte order mark', `\ufeff{"alg":"ES256"}`],
    ['a depth of 900', `{"alg":"ES256","x":${'['.repeat(900)}${']'.repeat(900)}}`],
  ])('refuses a header with %s', (_what, header) => {
    expect(reasonOf(`${encode(header)}.${goodPayload}.${goodSignature}`)).toMatch(/^the header: /);
  });

  test('refuses size at once, however large', () => {
    expect(reasonOf(signCompact(es256, { alg: 'ES256', kid: es256.kid, pad: 'a'.repeat(5000) }, payload))).toBe(
      'the header is too long',
    );
    expect(reasonOf(`${encode({ alg: 'ES256', pad: 'a'.repeat(1024 * 1024) })}.${goodPayload}.${goodSignature}`)).toBe(
      'the token is too long',
    );
    expect(reasonOf(`${encode(`{"a":${'['.repeat(10_000)}`)}.${goodPayload}.${goodSignature}`)).toMatch(/too long/);
    expect(reasonOf('.'.repeat(1_000_000))).toBe('the token is too long');
  });
});

describe('the header', () => {
  // JW-02, JWT-23
  test.each<[string, object]>([
    ['crit', { crit: ['exp'] }],
    ['crit of what is there', { crit: ['b64'], b64: true }],
    ['crit that is empty', { crit: [] }],
    ['crit that is no list', { crit: 'exp' }],
    ['crit of null', { crit: null }],
    ['b64 false', { b64: false }],
    ['b64 false, said to be critical', { b64: false, crit: ['b64'] }],
    ['a kid that is no text', { kid: 7 }],
    ['a kid of 257 characters', { kid: 'a'.repeat(257) }],
    ['a typ that is no text', { typ: ['JWT'] }],
  ])('refuses %s', (_what, members) => {
    const token = signCompact(es256, { alg: 'ES256', kid: es256.kid, ...members }, payload);
    expect(reasonOf(token)).toMatch(/critical|not to be encoded|not a string|too long/);
  });

  // JW-05
  test.each([
    '../../etc/passwd',
    "' OR 1=1 --",
    '__proto__',
    'constructor',
    '/dev/null',
    '\u0000',
    es256.kid.toLowerCase(),
  ])('a kid of %j finds nothing', (kid) => {
    expect(reasonOf(signCompact(es256, { alg: 'ES256', kid }, payload))).toBe('no key with this kid');
  });

  // JW-05
  test('keys in the header are never used', () => {
    const attacker = testKey('ES256');
    const jwk = attacker.publicKey.export({ format: 'jwk' });
    for (const members of [
      { jwk },
      { jku: 'https://evil.example/jwks' },
      { x5u: 'https://evil.example/x' },
      { x5c: ['MAo='] },
    ]) {
      const own = signCompact(attacker, { alg: 'ES256', ...members }, payload);
      expect(reasonOf(own)).toBe('the signature is wrong');
      const named = signCompact(attacker, { alg: 'ES256', kid: es256.kid, ...members }, payload);
      expect(reasonOf(named)).toBe('the signature is wrong');
      const honest = signCompact(es256, { alg: 'ES256', kid: es256.kid, ...members }, payload);
      expect(reasonOf(honest)).toBeUndefined();
    }
  });

  test('has only the members that the kind has, if it says so', () => {
    const options = { algorithms: OIDC_ALGORITHMS, headerMembers: ['alg', 'kid', 'typ'] };
    expect(reasonOf(good, [es256.verification], options)).toBeUndefined();
    const more = signCompact(es256, { alg: 'ES256', kid: es256.kid, x5t: 'a' }, payload);
    expect(reasonOf(more, [es256.verification], options)).toMatch(/^the header has members/);
  });
});

describe('the key', () => {
  // JWT-25, OPEN-3
  test('without a kid each key that fits is tried', () => {
    const token = signCompact(es256, { alg: 'ES256' }, payload);
    expect(reasonOf(token, [rs256.verification, testKey('ES256').verification, es256.verification])).toBeUndefined();
    expect(reasonOf(token, [rs256.verification])).toBe('the algorithm does not fit the key');
    expect(reasonOf(token, [])).toBe('no key with this kid');
  });

  test('with a kid only that one counts', () => {
    const token = signCompact(es256, { alg: 'ES256', kid: rs256.kid }, payload);
    expect(reasonOf(token, [rs256.verification, es256.verification])).toBe('the algorithm does not fit the key');
  });
});

// T5 of JW
test('no changed token passes, and nothing but a refusal is thrown', () => {
  const characters = 'ABab09-_.= {}"\u00e9'.split('');
  const change = fc.record({
    at: fc.nat(good.length),
    remove: fc.integer({ min: 0, max: 3 }),
    insert: fc.string({ unit: fc.constantFrom(...characters), maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const token = changes.reduce(
        (text, { at, remove, insert }) => text.slice(0, at) + insert + text.slice(at + remove),
        good,
      );
      expect(reasonOf(token) === undefined).toBe(token === good);
    }),
    { numRuns: 1500 },
  );
});

test('any header and payload: a refusal or a verified token', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string(), (header, body) => {
      expect(typeof reasonOf(signCompact(es256, header, body))).toBe('string');
    }),
    { numRuns: 200 },
  );
});
