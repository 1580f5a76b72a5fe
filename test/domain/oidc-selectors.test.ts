import * as fc from 'fast-check';
import { DEFAULT_CLAIMS, isSelectorName, multiTenantProblem, oidcSelectors } from '../../src/domain/oidc-selectors.ts';

describe('oidcSelectors', () => {
  test('takes strings, numbers, booleans, and each such member of an array', () => {
    const claims = { sub: 'repo:acme/api:ref:refs/heads/main', n: 7, yes: true, groups: ['b', 'a', 'a'] };
    const mapping = { sub: ['sub'], n: ['n'], yes: ['yes'], groups: ['groups'] };
    expect(oidcSelectors('ci', claims, mapping)).toEqual([
      'oidc:ci:groups:a',
      'oidc:ci:groups:b',
      'oidc:ci:n:7',
      'oidc:ci:sub:repo:acme/api:ref:refs/heads/main',
      'oidc:ci:yes:true',
    ]);
  });

  test('finds nested claims whose names hold dots', () => {
    const claims = { 'kubernetes.io': { namespace: 'shop', serviceaccount: { name: 'web' } } };
    expect(oidcSelectors('k8s', claims, DEFAULT_CLAIMS)).toEqual([
      'oidc:k8s:kubernetes.namespace:shop',
      'oidc:k8s:kubernetes.serviceaccount.name:web',
    ]);
  });

  test.each([
    ['an absent claim', {}],
    ['null', { a: null }],
    ['an object', { a: { b: 'c' } }],
    ['an empty string', { a: '' }],
    ['an array in an array', { a: [['b']] }],
    ['a value that is too long', { a: 'x'.repeat(1025) }],
  ])('gives nothing for %s', (_what, claims) => {
    expect(oidcSelectors('ci', claims, { a: ['a'] })).toEqual([]);
  });

  test.each(['toString', 'constructor', '__proto__', 'length'])('does not take %s from a prototype', (name) => {
    expect(oidcSelectors('ci', { a: 'text' }, { x: [name], y: ['a', name] })).toEqual([]);
  });

  test('a value never passes for another claim or issuer', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        for (const selector of oidcSelectors('ci', { a: value }, { a: ['a'] })) {
          expect(selector.startsWith('oidc:ci:a:')).toBe(true);
        }
      }),
    );
  });
});

test.each(['', 'a:b', 'a b', 'ü', 'x'.repeat(129)])('%j is no name in a selector', (name) => {
  expect(isSelectorName(name)).toBe(false);
});

// DEC-17
describe('multiTenantProblem', () => {
  const github = { name: 'github', multiTenant: true };
  const own = { name: 'own', multiTenant: false };

  test.each([
    ['names only', ['oidc:github:repository:acme/api', 'oidc:github:ref:refs/heads/main']],
    ['a name that can change hands', ['oidc:github:repository_owner:acme']],
    ['the subject', ['oidc:github:sub:repo:acme/api:ref:refs/heads/main']],
    ['an owner id without a value', ['oidc:github:repository_owner_id:']],
    ['the owner id of another issuer', ['oidc:github:repository:acme/api', 'oidc:own:repository_owner_id:1']],
    ['a claim that only starts like the owner id', ['oidc:github:repository_owner_id_x:1']],
  ])('an entry with %s lets strangers in', (_what, selectors) => {
    expect(multiTenantProblem(selectors, [own, github])).toContain('oidc:github:repository_owner_id:…');
  });

  test.each([
    ['pins the owner id', ['oidc:github:repository_owner_id:42', 'oidc:github:ref:refs/heads/main']],
    ['is about another issuer', ['oidc:own:sub:x']],
    ['has nothing to do with OIDC', ['x509pop:subject:cn:web']],
    ['is about an issuer whose name only starts alike', ['oidc:github-own:sub:x']],
  ])('an entry that %s is good', (_what, selectors) => {
    expect(multiTenantProblem(selectors, [own, github])).toBeUndefined();
  });

  test('the operator says which claims name an owner', () => {
    const cloud = { name: 'cloud', multiTenant: true, ownerClaims: ['account'] };
    expect(multiTenantProblem(['oidc:cloud:account:1'], [cloud])).toBeUndefined();
    expect(multiTenantProblem(['oidc:cloud:repository_owner_id:1'], [cloud])).toContain('oidc:cloud:account:…');
  });
});
