import { Refusal } from '../../src/domain/refusal.ts';
import { verifyOidcToken, type VerifyOidcTokenOptions } from '../../src/verify/oidc-token.ts';
import { signCompact, signToken, testKey } from '../support/jwt-keys.ts';
import { NOW, NOW_SECONDS } from '../support/tokens.ts';

const key = testKey('RS256');
const issuer = 'https://token.actions.githubusercontent.com';
const audience = 'spiffe://example.org';
const options: VerifyOidcTokenOptions = { issuer, audience, keys: [key.verification], now: NOW };
const claims = {
  iss: issuer,
  sub: 'repo:octo/shop:ref:refs/heads/main',
  aud: audience,
  exp: NOW_SECONDS + 300,
  nbf: NOW_SECONDS - 10,
  iat: NOW_SECONDS,
  jti: 'example-id',
  repository_owner_id: '65',
};

const reasonOf = (token: string, change: Partial<VerifyOidcTokenOptions> = {}): string | undefined => {
  try {
    verifyOidcToken(token, { ...options, ...change });
    return undefined;
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'invalid_token') throw error;
    return error.reason;
  }
};

describe('verifyOidcToken', () => {
  test('gives the claims of a CI job', () => {
    const verified = verifyOidcToken(signToken(key, 'JWT', claims), options);
    expect(verified).toMatchObject({
      subject: claims.sub,
      audience: [audience],
      expiresAt: claims.exp,
      issuedAt: claims.iat,
      jti: 'example-id',
      claims,
    });
    expect(verified.digest).toMatch(/^[\w-]{43}$/);
  });

  test.each(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'])(
    'takes %s, unless the issuer is configured otherwise',
    (alg) => {
      const signer = testKey(alg);
      const token = signToken(signer, 'JWT', claims);
      expect(reasonOf(token, { keys: [signer.verification] })).toBeUndefined();
      expect(reasonOf(token, { keys: [signer.verification], algorithms: [] })).toBe('the algorithm is not allowed');
    },
  );

  // JW-03: a token of another kind of the same issuer is no identity token.
  test.each([
    [undefined, true],
    ['JWT', true],
    ['jwt', true],
    ['application/jwt', true],
    ['at+jwt', false],
    ['logout+jwt', false],
    ['secevent+jwt', false],
    ['dpop+jwt', false],
    ['', false],
  ])('typ %j is accepted: %s', (typ, accepted) => {
    const token = signCompact(key, { alg: 'RS256', kid: key.kid, ...(typ !== undefined && { typ }) }, claims);
    expect(reasonOf(token)).toBe(accepted ? undefined : 'the typ is of another kind');
  });

  test.each<[string, object, string]>([
    ['no iss', { iss: undefined }, 'iss is missing or not a string'],
    ['another iss', { iss: 'https://gitlab.com' }, 'the issuer is another'],
    ['an iss with a slash more', { iss: `${issuer}/` }, 'the issuer is another'],
    ['an iss in upper case', { iss: issuer.toUpperCase() }, 'the issuer is another'],
    ['an iss that is a list', { iss: [issuer] }, 'iss is missing or not a string'],
    ['no aud', { aud: undefined }, 'aud is missing or not a list'],
    ['another aud', { aud: 'spiffe://example.com' }, 'the audience is another'],
    ['an aud that starts alike', { aud: ['spiffe://example.org.evil.com'] }, 'the audience is another'],
    ['an aud with null', { aud: [audience, null] }, 'aud holds something that is not a string'],
    ['no exp', { exp: undefined }, 'exp is missing'],
    ['an exp in the past', { exp: NOW_SECONDS }, 'the token has expired'],
    ['an nbf in the future', { nbf: NOW_SECONDS + 1 }, 'the token is not valid yet'],
    ['an iat in the future', { iat: NOW_SECONDS + 1 }, 'the token is from the future'],
    ['no iat', { iat: undefined }, 'iat is missing'],
    ['no sub', { sub: undefined }, 'sub is missing or not a string'],
    ['an empty sub', { sub: '' }, 'sub is missing or not a string'],
  ])('refuses %s', (_what, change, reason) => {
    expect(reasonOf(signToken(key, 'JWT', { ...claims, ...change }))).toBe(reason);
  });

  test('refuses a number that two readers read differently', () => {
    const text = JSON.stringify(claims).replace('"65"', '9007199254740993');
    expect(reasonOf(signToken(key, 'JWT', text))).toBe('the claims: an integer lies beyond 2^53');
  });

  test('takes aud as a list that holds ours, and a leeway', () => {
    expect(reasonOf(signToken(key, 'JWT', { ...claims, aud: ['x', audience] }))).toBeUndefined();
    expect(
      reasonOf(signToken(key, 'JWT', { ...claims, iat: NOW_SECONDS + 10 }), { leewaySeconds: 10 }),
    ).toBeUndefined();
  });

  // JW-05
  test('ignores other header members, whatever they name', () => {
    const header = {
      alg: 'RS256',
      kid: key.kid,
      typ: 'JWT',
      x5t: 'abc',
      jku: 'https://evil.example/jwks',
      jwk: { kty: 'oct' },
    };
    expect(reasonOf(signCompact(key, header, claims))).toBeUndefined();
    const attacker = testKey('RS256');
    const own = { ...header, jwk: attacker.publicKey.export({ format: 'jwk' }) };
    expect(reasonOf(signCompact(attacker, own, claims))).toBe('the signature is wrong');
  });
});
