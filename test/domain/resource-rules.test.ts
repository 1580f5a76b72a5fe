import { checkResource, type ResourceDraft } from '../../src/domain/resource-rules.ts';
import type { Resource } from '../../src/domain/resource.ts';
import { parseTrustDomain } from '../../src/domain/trust-domain.ts';

const held = { identifier: 'urn:held', names: ['held'] } as unknown as Resource;
const context = {
  trustDomain: parseTrustDomain('example.org'),
  named: (name: string) => (name === 'held' ? held : undefined),
};

const draft = (changes: Partial<ResourceDraft> = {}): ResourceDraft => ({
  identifier: 'https://api.example.org/',
  scopes: [{ name: 'read' }],
  ...changes,
});

const fieldsOf = (changes: Partial<ResourceDraft>): readonly string[] => {
  const checked = checkResource(draft(changes), context);
  return checked.ok ? [] : checked.problems.map(({ field }) => field);
};

describe('a resource as an operator writes it', () => {
  test('is bound by default and comes out in one form', () => {
    const checked = checkResource(
      draft({ scopes: [{ name: 'write', maxTtl: 60 }, { name: 'read' }], owners: ['SPIFFE://example.org/api'] }),
      context,
    );
    // DEC-30, DEC-47
    expect(checked).toEqual({
      ok: true,
      value: {
        identifier: 'https://api.example.org/',
        names: [],
        owners: ['spiffe://example.org/api'],
        scopes: [{ name: 'read' }, { name: 'write', maxTtl: 60 }],
        bindings: ['dpop', 'mtls'],
        algorithm: 'ES256',
        claims: {},
      },
    });
  });

  test.each<[string, Partial<ResourceDraft>]>([
    ['a URN', { identifier: 'urn:example:api' }],
    ['a URI with a query', { identifier: 'https://a/b?c=d' }],
    ['upper case, kept as it is', { identifier: 'HTTPS://API.example.org' }],
    ['every scope character', { scopes: [{ name: '!#[]~az09:/.' }] }],
    ['its own name again', { identifier: 'urn:held', names: ['held'] }],
    ['preference of bearer', { bindings: ['bearer', 'mtls'] }],
    ['fixed claims', { claims: { tenant: 'a', level: 3, test: true, empty: '' } }],
  ])('accepts %s', (_what, changes) => {
    expect(fieldsOf(changes)).toEqual([]);
  });

  test.each<[string, Partial<ResourceDraft>, readonly string[]]>([
    ['a relative reference', { identifier: '/api' }, ['identifier']],
    ['a scheme alone', { identifier: 'https:' }, ['identifier']],
    ['a fragment', { identifier: 'https://a/#b' }, ['identifier']],
    ['an empty fragment', { identifier: 'https://a/#' }, ['identifier']],
    ['a space', { identifier: 'https://a/ b' }, ['identifier']],
    ['a line break at the end', { identifier: 'https://a/\n' }, ['identifier']],
    ['half an escape', { identifier: 'https://a/%4' }, ['identifier']],
    ['letters beyond ASCII', { identifier: 'https://ä/' }, ['identifier']],
    ['a long identifier', { identifier: `urn:${'x'.repeat(1024)}` }, ['identifier']],
    ['no scope', { scopes: [] }, ['scopes']],
    ['an empty scope', { scopes: [{ name: '' }] }, ['scopes[0].name']],
    ['a scope with a space', { scopes: [{ name: 'a b' }] }, ['scopes[0].name']],
    ['a scope with a quote', { scopes: [{ name: 'a"' }] }, ['scopes[0].name']],
    ['a scope with a backslash', { scopes: [{ name: 'a\\' }] }, ['scopes[0].name']],
    ['a scope beyond ASCII', { scopes: [{ name: 'ä' }] }, ['scopes[0].name']],
    ['a scope twice', { scopes: [{ name: 'a' }, { name: 'a' }] }, ['scopes[1].name']],
    ['a scope that lives too long', { scopes: [{ name: 'a', maxTtl: 3601 }] }, ['scopes[0].maxTtl']],
    ['no binding', { bindings: [] }, ['bindings']],
    ['an unknown binding', { bindings: ['mtls', 'none'] }, ['bindings[1]']],
    ['a binding twice', { bindings: ['mtls', 'mtls'] }, ['bindings[1]']],
    ['an algorithm without a key', { algorithm: 'none' }, ['algorithm']],
    ['a name of another resource', { names: ['held'] }, ['names[0]']],
    ['a name that looks like a URI', { names: ['a:b'] }, ['names[0]']],
    ['a foreign owner', { owners: ['spiffe://other.org/a'] }, ['owners[0]']],
    ['a broken owner', { owners: ['nobody'] }, ['owners[0]']],
    ['a registered claim', { claims: { sub: 'root' } }, ['claims.sub']],
    ['the binding as a claim', { claims: { cnf: 'x' } }, ['claims.cnf']],
    ['a claim of OpenID Connect', { claims: { nonce: 'x' } }, ['claims.nonce']],
    ['groups, which resources trust', { claims: { groups: 'admins' } }, ['claims.groups']],
    ['a fraction', { claims: { level: 1.5 } }, ['claims.level']],
    ['a claim name with a space', { claims: { 'a b': 1 } }, ['claims.a b']],
    ['an empty owner label', { owner: '' }, ['owner']],
  ])('refuses %s', (_what, changes, fields) => {
    expect(fieldsOf(changes)).toEqual(fields);
  });
});

describe('the algorithm of a resource', () => {
  const problems = (algorithm: string, rs256?: boolean): readonly string[] => {
    const checked = checkResource(draft({ algorithm }), rs256 === undefined ? context : { ...context, rs256 });
    return checked.ok ? [] : checked.problems.map(({ field, problem }) => `${field} ${problem}`);
  };

  // AT-05
  test('is ES256, and RS256 where that is switched on', () => {
    expect(problems('ES256')).toEqual([]);
    expect(problems('ES256', true)).toEqual([]);
    expect(problems('RS256', true)).toEqual([]);
    expect(problems('RS256')).toEqual([expect.stringMatching(/^algorithm .*server\.tokens\.rs256/)]);
    expect(problems('RS256', false)).toHaveLength(1);
  });

  test.each(['none', 'HS256', 'rs256', 'PS256', ''])('is never %j', (algorithm) => {
    expect(problems(algorithm, true)).toEqual(['algorithm is ES256 or RS256']);
  });
});
