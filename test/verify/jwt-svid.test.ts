import { instant } from '../../src/domain/instant.ts';
import { Refusal } from '../../src/domain/refusal.ts';
import type { VerificationKey } from '../../src/formats/jwk-import.ts';
import { verifyJwtSvid, type VerifyJwtSvidOptions } from '../../src/verify/jwt-svid.ts';
import { signCompact, signToken, testKey } from '../support/jwt-keys.ts';
import { AUDIENCE, NOW, NOW_SECONDS, ourJwtSvid, WORKLOAD } from '../support/tokens.ts';

const key = testKey('ES256');
const other = testKey('ES256');
const bundle: readonly VerificationKey[] = [{ ...key.verification, use: 'jwt-svid' }];
const options: VerifyJwtSvidOptions = {
  bundles: (trustDomain) => (trustDomain === 'example.org' ? bundle : undefined),
  audiences: [AUDIENCE],
  now: NOW,
};
const claims = { sub: WORKLOAD, aud: [AUDIENCE], exp: NOW_SECONDS + 300, iat: NOW_SECONDS };
const signed = (change: object): string => signToken(key, 'JWT', { ...claims, ...change });

const reasonOf = (token: string, change: Partial<VerifyJwtSvidOptions> = {}): string | undefined => {
  try {
    verifyJwtSvid(token, { ...options, ...change });
    return undefined;
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'invalid_token') throw error;
    return error.reason;
  }
};

describe('verifyJwtSvid', () => {
  test('gives what our JWT-SVID says', () => {
    const verified = verifyJwtSvid(ourJwtSvid(key), options);
    expect(verified).toMatchObject({
      spiffeId: WORKLOAD,
      audience: [AUDIENCE],
      expiresAt: NOW_SECONDS + 300,
      issuedAt: NOW_SECONDS,
      jti: '01a2058c3e0000000000000000000001',
      kid: key.kid,
    });
    expect(verified.claims['iss']).toBe('https://id.example.org');
    expect(verified.digest).toMatch(/^[\w-]{43}$/);
  });

  // JWT-3, JWT-20
  test.each(['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'])('takes %s', (alg) => {
    const signer = testKey(alg);
    expect(reasonOf(signToken(signer, 'JWT', claims), { bundles: () => [signer.verification] })).toBeUndefined();
  });

  test.each(['EdDSA', 'Ed25519'])('refuses %s', (alg) => {
    const signer = testKey(alg);
    const token = signToken(signer, 'JWT', claims);
    expect(reasonOf(token, { bundles: () => [signer.verification] })).toBe('the algorithm is not allowed');
  });

  // JWT-5, JWT-28
  test.each([
    ['JWT', true],
    ['JOSE', true],
    [undefined, true],
    ['jwt', false],
    ['wit+jwt', false],
    ['at+jwt', false],
    ['application/jwt', false],
    ['', false],
  ])('typ %s is accepted: %s', (typ, accepted) => {
    const token = signCompact(key, { alg: 'ES256', kid: key.kid, ...(typ !== undefined && { typ }) }, claims);
    expect(reasonOf(token) === undefined).toBe(accepted);
  });

  // JWT-2
  test.each(['jku', 'x5u', 'jwk', 'x5c', 'x5t', 'cty', 'crit', 'b64', 'zip', 'foo'])(
    'refuses the header member %s',
    (member) => {
      const token = signCompact(key, { alg: 'ES256', kid: key.kid, [member]: true }, claims);
      expect(reasonOf(token)).toMatch(/header|critical/);
    },
  );

  // JWT-21, JWT-22, JWT-23, JWT-24, JW-08
  test.each<[string, object, string]>([
    ['no sub', { sub: undefined }, 'sub is missing or not a string'],
    ['a sub that is no text', { sub: [WORKLOAD] }, 'sub is missing or not a string'],
    ['a sub that is no SPIFFE ID', { sub: 'db' }, 'sub: a SPIFFE ID starts with spiffe://'],
    [
      'a sub in upper case',
      { sub: 'spiffe://Example.org/db' },
      'sub: the trust domain may hold only a-z, 0-9, ".", "-" and "_"',
    ],
    ['a sub without a path', { sub: 'spiffe://example.org' }, 'sub: the SPIFFE ID has no path'],
    [
      'a sub with a query',
      { sub: 'spiffe://example.org/db?x' },
      'sub: the path may hold only a-z, A-Z, 0-9, ".", "-", "_" and "/"',
    ],
    ['another trust domain', { sub: 'spiffe://example.com/db' }, 'no JWT bundle for the trust domain'],
    ['no aud', { aud: undefined }, 'aud is missing or not a list'],
    ['an empty aud', { aud: [] }, 'aud is missing or not a list'],
    ['an aud that is a map', { aud: { 0: AUDIENCE } }, 'aud is missing or not a list'],
    ['an aud with a number', { aud: [AUDIENCE, 1] }, 'aud holds something that is not a string'],
    ['another aud', { aud: ['https://other.example.org'] }, 'the audience is another'],
    ['an aud that only contains ours', { aud: `${AUDIENCE}/x` }, 'the audience is another'],
    ['an aud in another case', { aud: AUDIENCE.toUpperCase() }, 'the audience is another'],
    ['an empty text as aud', { aud: '' }, 'aud holds something that is not a string'],
    ['no exp', { exp: undefined }, 'exp is missing'],
    ['an exp that is text', { exp: String(NOW_SECONDS + 300) }, 'exp is not a number'],
    ['an exp of null', { exp: null }, 'exp is not a number'],
    ['an exp now', { exp: NOW_SECONDS }, 'the token has expired'],
    ['an exp in the past', { exp: NOW_SECONDS - 1 }, 'the token has expired'],
    ['an exp below zero', { exp: -1 }, 'the token has expired'],
    ['an nbf in the future', { nbf: NOW_SECONDS + 1 }, 'the token is not valid yet'],
    ['an nbf that is text', { nbf: '0' }, 'nbf is not a number'],
    ['an iat in the future', { iat: NOW_SECONDS + 1 }, 'the token is from the future'],
    ['an iat that is text', { iat: 'now' }, 'iat is not a number'],
    ['a jti that is a number', { jti: 5 }, 'jti is missing or not a string'],
    ['a cnf', { cnf: { 'x5t#S256': 'a' } }, 'the token is bound to a key'],
  ])('refuses %s', (_what, change, reason) => {
    expect(reasonOf(signed(change))).toBe(reason);
  });

  test.each<[string, object]>([
    ['aud as text', { aud: AUDIENCE }],
    ['aud among others', { aud: ['a', AUDIENCE] }],
    ['no iat', { iat: undefined }],
    ['fractions of seconds', { exp: NOW_SECONDS + 0.5, nbf: NOW_SECONDS - 0.5 }],
    ['private claims', { 'https://example.org/x': { y: [1] } }],
  ])('accepts %s', (_what, change) => {
    expect(reasonOf(signed(change))).toBeUndefined();
  });

  // JW-08
  test('a leeway of up to 60 seconds moves every limit', () => {
    const leeway = { leewaySeconds: 60 };
    expect(reasonOf(signed({ exp: NOW_SECONDS - 59 }), leeway)).toBeUndefined();
    expect(reasonOf(signed({ exp: NOW_SECONDS - 60 }), leeway)).toBe('the token has expired');
    expect(reasonOf(signed({ nbf: NOW_SECONDS + 60, iat: NOW_SECONDS + 60 }), leeway)).toBeUndefined();
    expect(reasonOf(signed({ nbf: NOW_SECONDS + 61 }), leeway)).toBe('the token is not valid yet');
    for (const leewaySeconds of [61, -1, Number.NaN, Infinity]) {
      expect(() => verifyJwtSvid(signed({}), { ...options, leewaySeconds })).toThrow(RangeError);
    }
  });

  test('half a second counts', () => {
    expect(reasonOf(signed({}), { now: instant((NOW_SECONDS + 300) * 1000 - 1) })).toBeUndefined();
    expect(reasonOf(signed({}), { now: instant((NOW_SECONDS + 300) * 1000) })).toBe('the token has expired');
  });

  // JW-02, JWT-28
  test.each<[string, string, string]>([
    [
      'duplicate members',
      `{"sub":"${WORKLOAD}","sub":"spiffe://example.org/admin"}`,
      'the claims: an object holds a member twice',
    ],
    ['an infinite exp', `{"sub":"${WORKLOAD}","exp":1e999}`, 'the claims: a number is too large'],
    ['a prototype', `{"__proto__":{"sub":"${WORKLOAD}"}}`, 'the claims: a member is named __proto__'],
    ['depth', `{"x":${'['.repeat(4000)}${']'.repeat(4000)}}`, 'the claims: it nests deeper than 16'],
    ['no object', '["sub"]', 'the claims: it is not an object'],
    ['nothing', '', 'the claims: its syntax is wrong'],
    ['a token inside', 'eyJhbGciOiJub25lIn0.e30.', 'the claims: its syntax is wrong'],
  ])('refuses claims with %s', (_what, payload, reason) => {
    expect(reasonOf(signToken(key, 'JWT', payload))).toBe(reason);
  });

  // JWT-25, JWT-26, TDB-6, ID-20
  test("only keys of the subject's own trust domain count, and only those for JWT-SVIDs", () => {
    const token = signed({});
    const foreign = signToken(other, 'JWT', { ...claims, sub: WORKLOAD });
    const bundles: VerifyJwtSvidOptions['bundles'] = (trustDomain) =>
      trustDomain === 'example.org' ? bundle : [other.verification];
    expect(reasonOf(foreign, { bundles })).toBe('no key with this kid');
    expect(reasonOf(token, { bundles: () => [] })).toBe('no JWT bundle for the trust domain');
    expect(reasonOf(token, { bundles: () => undefined })).toBe('no JWT bundle for the trust domain');
    for (const use of ['x509-svid', 'wit-svid', 'sig', 'JWT-SVID', '']) {
      expect(reasonOf(token, { bundles: () => [{ ...key.verification, use }] })).toBe(
        'no JWT bundle for the trust domain',
      );
    }
  });

  // JWT-25
  test('without a kid every key of the bundle is tried', () => {
    const token = signCompact(key, { alg: 'ES256' }, claims);
    expect(reasonOf(token, { bundles: () => [other.verification, key.verification] })).toBeUndefined();
    expect(reasonOf(token, { bundles: () => [other.verification] })).toBe('the signature is wrong');
  });

  // JWT-27
  test('a verifier without an audience is refused', () => {
    expect(() => verifyJwtSvid(signed({}), { ...options, audiences: [] })).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });

  // DEC-12: (r, n - s) is a good signature too, so that the whole token would be a bad memory of what was spent.
  test('the digest does not change with the other good signature', () => {
    const token = signed({});
    const at = token.lastIndexOf('.');
    const raw = Buffer.from(token.slice(at + 1), 'base64url');
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const s = BigInt(`0x${raw.subarray(32).toString('hex')}`);
    const twin = Buffer.concat([raw.subarray(0, 32), Buffer.from((n - s).toString(16).padStart(64, '0'), 'hex')]);
    const token2 = `${token.slice(0, at)}.${twin.toString('base64url')}`;
    expect(token2).not.toBe(token);
    expect(verifyJwtSvid(token2, options).digest).toBe(verifyJwtSvid(token, options).digest);
  });
});
