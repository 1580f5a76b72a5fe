import * as fc from 'fast-check';
import {
  extraClaimsProblem,
  isScopeToken,
  planAccessToken,
  type AccessTokenRequest,
} from '../../src/domain/access-token.ts';
import { instant } from '../../src/domain/instant.ts';
import { parseRecordId } from '../../src/domain/record-id.ts';
import { parseSpiffeId } from '../../src/domain/spiffe-id.ts';

const request: AccessTokenRequest = {
  issuer: 'https://id.example.org/oauth2',
  subject: parseSpiffeId('spiffe://example.org/db'),
  audience: 'https://api.example.org',
  scopes: ['read', 'write'],
  jti: parseRecordId('018bcfe5680000000000000000000001'),
  now: instant(1_700_000_000_999),
  ttl: 300,
  callerNotAfter: 1_800_000_000,
  keyNotAfter: 1_800_000_000,
};

describe('planAccessToken', () => {
  // AT-01 … AT-04
  test('has the claims of RFC 9068', () => {
    expect(planAccessToken(request)).toEqual({
      iss: 'https://id.example.org/oauth2',
      sub: 'spiffe://example.org/db',
      client_id: 'spiffe://example.org/db',
      aud: 'https://api.example.org',
      iat: 1_700_000_000,
      exp: 1_700_000_300,
      jti: '018bcfe5680000000000000000000001',
      scope: 'read write',
    });
  });

  // AT-03, AT-06
  test('adds what was asked for', () => {
    const claims = planAccessToken({
      ...request,
      scopes: [],
      clientId: 'billing',
      confirmation: { 'x5t#S256': 'abc' },
      extraClaims: { tenant: 'a', level: 2, beta: true },
    });
    expect(claims).toMatchObject({
      client_id: 'billing',
      cnf: { 'x5t#S256': 'abc' },
      tenant: 'a',
      level: 2,
      beta: true,
    });
    expect(claims).not.toHaveProperty('scope');
  });

  // CC-22
  test('ends with the first of TTL, one hour, caller and key', () => {
    const now = 1_700_000_000;
    const lifetime = fc.integer({ min: 1, max: 10_000 });
    fc.assert(
      fc.property(lifetime, lifetime, lifetime, (ttl, caller, key) => {
        const claims = planAccessToken({ ...request, ttl, callerNotAfter: now + caller, keyNotAfter: now + key });
        expect(claims.exp - claims.iat).toBe(Math.min(ttl, 3600, caller, key));
      }),
    );
  });

  test('no second left: the caller is out, or the server is', () => {
    expect(() => planAccessToken({ ...request, callerNotAfter: 1_700_000_000 })).toThrow(
      expect.objectContaining({ code: 'unauthenticated' }),
    );
    expect(() => planAccessToken({ ...request, keyNotAfter: 1_700_000_000 })).toThrow(
      expect.objectContaining({ code: 'unavailable' }),
    );
  });

  test.each<[string, Partial<AccessTokenRequest>]>([
    ['a TTL of 0', { ttl: 0 }],
    ['a TTL of half a second', { ttl: 0.5 }],
    ['a scope with a space', { scopes: ['a b'] }],
    ['an empty scope', { scopes: [''] }],
    ['an empty audience', { audience: '' }],
    ['an extra claim that is ours', { extraClaims: { sub: 'spiffe://example.org/admin' } }],
  ])('%s is a bug', (_what, change) => {
    expect(() => planAccessToken({ ...request, ...change })).toThrow(RangeError);
  });
});

describe('extraClaimsProblem', () => {
  test.each([
    'iss',
    'sub',
    'aud',
    'exp',
    'nbf',
    'iat',
    'jti',
    'client_id',
    'scope',
    'cnf',
    'act',
    'may_act',
    '__proto__',
    '',
  ])('refuses %j', (name) => {
    expect(extraClaimsProblem(Object.fromEntries([[name, 'x']]))).toBeDefined();
  });

  test('takes others', () => {
    expect(extraClaimsProblem({ tenant: 'a', 'https://example.org/claim': 1 })).toBeUndefined();
  });
});

// CC-10
test('every character in a scope', () => {
  for (let code = 0; code < 0x200; code++) {
    const allowed = code === 0x21 || (code >= 0x23 && code <= 0x5b) || (code >= 0x5d && code <= 0x7e);
    expect([code, isScopeToken(String.fromCharCode(code))]).toEqual([code, allowed]);
  }
  expect(isScopeToken('')).toBe(false);
  expect(isScopeToken('a\n')).toBe(false);
});
