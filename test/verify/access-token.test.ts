import { Refusal } from '../../src/domain/refusal.ts';
import { verifyAccessToken, type VerifyAccessTokenOptions } from '../../src/verify/access-token.ts';
import { signCompact, signToken, testKey } from '../support/jwt-keys.ts';
import { AUDIENCE, NOW, NOW_SECONDS, ourAccessToken, TOKEN_ISSUER, WORKLOAD } from '../support/tokens.ts';

const key = testKey('ES256');
const options: VerifyAccessTokenOptions = {
  issuer: TOKEN_ISSUER,
  audience: AUDIENCE,
  keys: [key.verification],
  now: NOW,
  presenter: { acceptsBearer: true },
};
const thumbprint = 'A'.repeat(43);
const bound = ourAccessToken(key, { confirmation: { 'x5t#S256': thumbprint } });
const claims = {
  iss: TOKEN_ISSUER,
  sub: WORKLOAD,
  client_id: WORKLOAD,
  aud: AUDIENCE,
  exp: NOW_SECONDS + 300,
  iat: NOW_SECONDS,
  jti: 'a',
  scope: 'read write',
};

const refusalOf = (token: string, change: Partial<VerifyAccessTokenOptions> = {}): Refusal | undefined => {
  try {
    verifyAccessToken(token, { ...options, ...change });
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
};
const reasonOf = (token: string, change: Partial<VerifyAccessTokenOptions> = {}): string | undefined =>
  refusalOf(token, change)?.reason;

describe('verifyAccessToken', () => {
  test('gives what our access token says', () => {
    expect(verifyAccessToken(bound, { ...options, presenter: { certificateThumbprint: thumbprint } })).toMatchObject({
      subject: WORKLOAD,
      clientId: WORKLOAD,
      jti: '01a2058c3e0000000000000000000001',
      scopes: ['read', 'write'],
      expiresAt: NOW_SECONDS + 300,
      issuedAt: NOW_SECONDS,
      certificateThumbprint: thumbprint,
    });
  });

  test('takes RS256, which RFC 9068 demands, and nothing that was not allowed', () => {
    const rs256 = testKey('RS256');
    const token = ourAccessToken(rs256);
    expect(reasonOf(token, { keys: [rs256.verification] })).toBeUndefined();
    expect(reasonOf(token, { keys: [rs256.verification], algorithms: ['ES256'] })).toBe('the algorithm is not allowed');
  });

  // AT T2
  test.each([
    ['at+jwt', true],
    ['AT+JWT', true],
    ['application/at+jwt', true],
    ['Application/AT+JWT', true],
    ['JWT', false],
    [undefined, false],
    ['', false],
    ['at+jwt ', false],
    ['x/at+jwt', false],
    ['dpop+jwt', false],
  ])('typ %j is accepted: %s', (typ, accepted) => {
    const token = signCompact(key, { alg: 'ES256', kid: key.kid, ...(typ !== undefined && { typ }) }, claims);
    expect(reasonOf(token)).toBe(accepted ? undefined : 'the typ is not that of an access token');
  });

  test('needs a kid, and no other header member', () => {
    expect(reasonOf(signCompact(key, { alg: 'ES256', typ: 'at+jwt' }, claims))).toBe('the kid is missing');
    const more = signCompact(key, { alg: 'ES256', kid: key.kid, typ: 'at+jwt', jwk: {} }, claims);
    expect(reasonOf(more)).toMatch(/^the header has members/);
  });

  // AT-02, AT-08
  test.each<[string, object, string]>([
    ['no issuer', { iss: undefined }, 'iss is missing or not a string'],
    ['another issuer', { iss: `${TOKEN_ISSUER}/` }, 'the issuer is another'],
    ['the issuer of JWT-SVIDs', { iss: 'https://id.example.org' }, 'the issuer is another'],
    ['no audience', { aud: undefined }, 'aud is missing or not a list'],
    ['another audience', { aud: 'https://b.example.org' }, 'the audience is another'],
    ['a longer audience', { aud: `${AUDIENCE}/` }, 'the audience is another'],
    ['no exp', { exp: undefined }, 'exp is missing'],
    ['an exp in the past', { exp: NOW_SECONDS - 1 }, 'the token has expired'],
    ['an nbf in the future', { nbf: NOW_SECONDS + 1 }, 'the token is not valid yet'],
    ['no iat', { iat: undefined }, 'iat is missing'],
    ['an iat in the future', { iat: NOW_SECONDS + 1 }, 'the token is from the future'],
    ['no subject', { sub: undefined }, 'sub is missing or not a string'],
    ['no client', { client_id: undefined }, 'client_id is missing or not a string'],
    ['a client that is a number', { client_id: 1 }, 'client_id is missing or not a string'],
    ['no jti', { jti: undefined }, 'jti is missing or not a string'],
    ['a scope list', { scope: ['read'] }, 'scope is not a string'],
  ])('refuses %s', (_what, change, reason) => {
    const refusal = refusalOf(signToken(key, 'at+jwt', { ...claims, ...change }));
    expect([refusal?.code, refusal?.reason]).toEqual(['invalid_token', reason]);
  });

  test("refuses keys that are not the issuer's", () => {
    expect(reasonOf(bound, { keys: [] })).toBe('no key with this kid');
    expect(reasonOf(bound, { keys: [{ ...testKey('ES256').verification, kid: key.kid }] })).toBe(
      'the signature is wrong',
    );
  });

  describe('the holder', () => {
    test.each<[string, VerifyAccessTokenOptions['presenter'], string | undefined]>([
      ['the certificate', { certificateThumbprint: thumbprint }, undefined],
      [
        'the certificate, where bearer tokens are welcome too',
        { certificateThumbprint: thumbprint, acceptsBearer: true },
        undefined,
      ],
      ['another certificate', { certificateThumbprint: 'B'.repeat(43) }, 'the token is bound to another certificate'],
      ['no certificate', {}, 'the token is bound to another certificate'],
      [
        'no certificate, where bearer tokens are welcome',
        { acceptsBearer: true },
        'the token is bound to another certificate',
      ],
      ['nobody, the caller only asks', 'unchecked', undefined],
    ])('of a bound token shows %s', (_what, presenter, reason) => {
      expect(reasonOf(bound, { presenter })).toBe(reason);
    });

    test.each<[VerifyAccessTokenOptions['presenter'], string | undefined]>([
      [{}, 'the token is not bound to a key'],
      [{ certificateThumbprint: thumbprint }, 'the token is not bound to a key'],
      [{ acceptsBearer: false }, 'the token is not bound to a key'],
      [{ acceptsBearer: true }, undefined],
      ['unchecked', undefined],
    ])('of an unbound token: %j', (presenter, reason) => {
      expect(reasonOf(ourAccessToken(key), { presenter })).toBe(reason);
    });

    // AT-06
    test.each([
      [{}],
      [{ jkt: thumbprint }],
      [{ 'x5t#S256': thumbprint, jkt: thumbprint }],
      [{ 'x5t#S256': '' }],
      [{ 'x5t#S256': [thumbprint] }],
      [{ 'X5T#S256': thumbprint }],
      [null],
      [thumbprint],
      [[]],
    ])('a cnf of %j never passes for a bearer token', (cnf) => {
      expect(reasonOf(signToken(key, 'at+jwt', { ...claims, cnf }))).toBe('the cnf is not one certificate thumbprint');
    });
  });

  describe('the scope', () => {
    test('has to hold all that is needed', () => {
      const token = ourAccessToken(key);
      expect(reasonOf(token, { requiredScopes: ['read'] })).toBeUndefined();
      expect(reasonOf(token, { requiredScopes: ['write', 'read'] })).toBeUndefined();
      for (const requiredScopes of [['admin'], ['read', 'admin'], ['rea'], ['read write'], ['Read'], ['']]) {
        expect(refusalOf(token, { requiredScopes })?.code).toBe('forbidden');
      }
    });

    test('may be absent', () => {
      const token = ourAccessToken(key, { scopes: [] });
      expect(verifyAccessToken(token, options).scopes).toEqual([]);
      expect(refusalOf(token, { requiredScopes: ['read'] })?.code).toBe('forbidden');
    });

    test('is asked for last: a bad token is invalid, whatever its scope', () => {
      const expired = ourAccessToken(key, { scopes: [] });
      const refusal = refusalOf(expired, { requiredScopes: ['read'], audience: 'https://b.example.org' });
      expect(refusal?.code).toBe('invalid_token');
    });
  });
});
