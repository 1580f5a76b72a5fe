import { checkEntry, entryIdProblem, type EntryContext, type EntryDraft } from '../../src/domain/entry-rules.ts';
import type { Resource } from '../../src/domain/resource.ts';
import { parseTrustDomain } from '../../src/domain/trust-domain.ts';

const trustDomain = parseTrustDomain('example.org');

const API: Resource = {
  identifier: 'https://api.example.org/',
  names: ['api'],
  owners: [],
  scopes: [{ name: 'read' }, { name: 'write', maxTtl: 60 }],
  bindings: ['dpop', 'mtls'],
  algorithm: 'ES256',
  claims: {},
  revision: 1,
};

const OPEN: Resource = { ...API, identifier: 'urn:example:open', bindings: ['mtls', 'bearer'] };

const context: EntryContext = {
  trustDomain,
  commonNames: ['db-*'],
  dnsNames: ['*.svc.example.org', '*.wild.example.org', 'one.example.org'],
  resource: (identifier) => [API, OPEN].find((resource) => resource.identifier === identifier),
  selectorsProblem: (selectors) =>
    selectors.includes('oidc:many:sub:x') ? 'pin an owner of the issuer many' : undefined,
};

const draft = (changes: Partial<EntryDraft> = {}): EntryDraft => ({
  spiffeId: 'spiffe://example.org/db',
  selectors: ['unix:uid:1000'],
  ...changes,
});

const fieldsOf = (changes: Partial<EntryDraft>): readonly string[] => {
  const checked = checkEntry(draft(changes), context);
  return checked.ok ? [] : checked.problems.map(({ field }) => field);
};

const long = (count: number): string => 'x'.repeat(count);

describe('an entry as an operator writes it', () => {
  test('comes out in one form: folded, sorted, without duplicates', () => {
    const checked = checkEntry(
      draft({
        spiffeId: 'SPIFFE://Example.ORG/DB', // ID-15
        selectors: ['unix:uid:1000', 'k8s:ns:prod', 'unix:uid:1000'],
        dnsNames: ['B.svc.example.org', 'a.svc.example.org'],
        federatesWith: ['spiffe://Other.org', 'another.org'],
        grants: [
          { resource: 'urn:example:open', scopes: ['write', 'read', 'read'], bearer: true },
          { resource: 'https://api.example.org/', scopes: ['read'], defaultScopes: ['read'], maxTtl: 300 },
        ],
      }),
      context,
    );
    expect(checked).toEqual({
      ok: true,
      value: {
        spiffeId: 'spiffe://example.org/DB',
        parentId: 'spiffe://example.org/mayfly/server',
        selectors: ['k8s:ns:prod', 'unix:uid:1000'],
        dnsNames: ['a.svc.example.org', 'b.svc.example.org'],
        federatesWith: ['another.org', 'other.org'],
        downstream: false,
        grants: [
          { resource: 'https://api.example.org/', scopes: ['read'], defaultScopes: ['read'], maxTtl: 300 },
          { resource: 'urn:example:open', scopes: ['read', 'write'], bearer: true },
        ],
        jwtAudiences: [],
      },
    });
  });

  test('the short form is one grant', () => {
    const checked = checkEntry(draft({ audiences: ['https://api.example.org/'], scopes: ['read'] }), context);
    // DEC-47
    expect(checked).toMatchObject({
      ok: true,
      value: { grants: [{ resource: 'https://api.example.org/', scopes: ['read'] }] },
    });
  });

  test.each<[string, Partial<EntryDraft>]>([
    ['an agent as parent', { parentId: 'spiffe://example.org/mayfly/agent/x509pop/web-1' }],
    ['a group as parent', { parentId: 'spiffe://example.org/nodes/eu' }],
    ['the shortest and longest TTLs', { x509Ttl: 300, jwtTtl: 3600 }],
    ['a wildcard that a pattern spells out', { dnsNames: ['*.wild.example.org'] }],
    ['a name that is a pattern itself', { dnsNames: ['one.example.org'] }],
    ['a common name within a pattern', { commonName: 'db-main' }],
    ['a selector whose value has colons', { selectors: ['oidc:gh:repository_owner_id:42'] }],
    ['an admin', { admin: { role: 'registrar', prefix: 'spiffe://example.org/team' } }],
    ['a hint of 1024 bytes', { hint: long(1024) }],
  ])('accepts %s', (_what, changes) => {
    expect(fieldsOf(changes)).toEqual([]);
  });

  test.each<[string, Partial<EntryDraft>, readonly string[]]>([
    // ID-11, DEC-18
    ['an ID of another trust domain', { spiffeId: 'spiffe://other.org/db' }, ['spiffeId']],
    ['an ID without a path', { spiffeId: 'spiffe://example.org' }, ['spiffeId']],
    ['an ID that is too long', { spiffeId: `spiffe://example.org/${long(2048)}` }, ['spiffeId']],
    ['an ID that needs repair', { spiffeId: 'spiffe://example.org/a//b' }, ['spiffeId']],
    ['an ID with a percent escape', { spiffeId: 'spiffe://example.org/a%41' }, ['spiffeId']],
    ['a reserved ID', { spiffeId: 'spiffe://example.org/mayfly/agent/a/b' }, ['spiffeId']],
    ['the reserved path itself', { spiffeId: 'spiffe://example.org/mayfly' }, ['spiffeId']],
    ['a foreign parent', { parentId: 'spiffe://other.org/node' }, ['parentId']],
    ['the trust domain as parent', { parentId: 'spiffe://example.org' }, ['parentId']],
    ['a reserved parent that is no agent', { parentId: 'spiffe://example.org/mayfly/agent/x' }, ['parentId']],
    ['itself as parent', { parentId: 'spiffe://example.org/db' }, ['parentId']],
    ['no selector', { selectors: [] }, ['selectors']],
    ['a selector without a type', { selectors: ['uid'] }, ['selectors[0]']],
    ['a selector without a value', { selectors: ['ok:1', 'unix:'] }, ['selectors[1]']],
    ['a selector with a line break', { selectors: ['unix:uid:1\n2'] }, ['selectors[0]']],
    ['a selector that is too long', { selectors: [`unix:${long(1024)}`] }, ['selectors[0]']],
    ['too many selectors', { selectors: Array.from({ length: 65 }, (_, at) => `a:${at}`) }, ['selectors']],
    // DEC-17
    ['an unpinned issuer with many tenants', { selectors: ['oidc:many:sub:x'] }, ['selectors']],
    ['a short X.509 TTL', { x509Ttl: 299 }, ['x509Ttl']],
    ['a long X.509 TTL', { x509Ttl: 86_401 }, ['x509Ttl']],
    ['a broken TTL', { x509Ttl: 300.5, jwtTtl: Number.NaN }, ['x509Ttl', 'jwtTtl']],
    ['a short JWT TTL', { jwtTtl: 29 }, ['jwtTtl']],
    ['a long JWT TTL', { jwtTtl: 3601 }, ['jwtTtl']],
    // DEC-25
    ['a DNS name outside the patterns', { dnsNames: ['svc.example.org'] }, ['dnsNames[0]']],
    ['a wildcard that no pattern spells out', { dnsNames: ['*.a.svc.example.org'] }, ['dnsNames[0]']],
    ['a wildcard in the middle', { dnsNames: ['a.*.svc.example.org'] }, ['dnsNames[0]']],
    ['a DNS name with a trailing dot', { dnsNames: ['a.svc.example.org.'] }, ['dnsNames[0]']],
    ['a label with a hyphen in front', { dnsNames: ['-a.svc.example.org'] }, ['dnsNames[0]']],
    ['a label with an underscore', { dnsNames: ['a_b.svc.example.org'] }, ['dnsNames[0]']],
    ['a label of 64', { dnsNames: [`${long(64)}.svc.example.org`] }, ['dnsNames[0]']],
    ['an address', { dnsNames: ['10.0.0.1'] }, ['dnsNames[0]']],
    ['a common name outside the patterns', { commonName: 'web' }, ['commonName']],
    ['a pattern that matches only a part', { commonName: 'xdb-1' }, ['commonName']],
    ['a common name of 65', { commonName: `db-${long(62)}` }, ['commonName']],
    ['an unprintable common name', { commonName: 'db-\u0000' }, ['commonName']],
    ['federation with itself', { federatesWith: ['example.org'] }, ['federatesWith[0]']],
    ['a broken trust domain', { federatesWith: ['ok.org', 'a b'] }, ['federatesWith[1]']],
    ['a long hint', { hint: 'ü'.repeat(513) }, ['hint']],
    ['an empty hint', { hint: '' }, ['hint']],
    ['an unknown role', { admin: { role: 'root', prefix: 'spiffe://example.org' } }, ['admin.role']],
    ['an admin elsewhere', { admin: { role: 'viewer', prefix: 'spiffe://other.org' } }, ['admin.prefix']],
    ['a rate of zero', { limits: { signingsPerSecond: 0 } }, ['limits.signingsPerSecond']],
    ['an expiry in fractions', { expiresAt: 1.5 }, ['expiresAt']],
    ['an owner with a tab', { owner: 'a\tb' }, ['owner']],
    ['an empty audience', { jwtAudiences: [''] }, ['jwtAudiences[0]']],
    // DEC-47
    ['an unknown resource', { grants: [{ resource: 'urn:no', scopes: ['read'] }] }, ['grants[0].resource']],
    ['a logical name as resource', { grants: [{ resource: 'api', scopes: ['read'] }] }, ['grants[0].resource']],
    [
      'an identifier that differs in one byte',
      { audiences: ['https://api.example.org'], scopes: ['read'] },
      ['audiences'],
    ],
    ['an unknown scope', { grants: [{ resource: API.identifier, scopes: ['read', 'rule'] }] }, ['grants[0].scopes[1]']],
    ['no scope', { grants: [{ resource: API.identifier, scopes: [] }] }, ['grants[0].scopes']],
    [
      'a default that is not granted',
      { grants: [{ resource: API.identifier, scopes: ['read'], defaultScopes: ['write'] }] },
      ['grants[0].defaultScopes[0]'],
    ],
    [
      "a life above a scope's",
      { grants: [{ resource: API.identifier, scopes: ['write'], maxTtl: 61 }] },
      ['grants[0].maxTtl'],
    ],
    [
      'a life of a day',
      { grants: [{ resource: API.identifier, scopes: ['read'], maxTtl: 86_400 }] },
      ['grants[0].maxTtl'],
    ],
    // DEC-30
    [
      'bearer where the resource has none',
      { grants: [{ resource: API.identifier, scopes: ['read'], bearer: true }] },
      ['grants[0].bearer'],
    ],
    [
      'one resource twice',
      {
        grants: [
          { resource: API.identifier, scopes: ['read'] },
          { resource: API.identifier, scopes: ['write'] },
        ],
      },
      ['grants[1].resource'],
    ],
    [
      'the short form with two audiences',
      { audiences: [API.identifier, OPEN.identifier], scopes: ['read'] },
      ['audiences'],
    ],
    ['scopes without an audience', { scopes: ['read'] }, ['audiences']],
    ['an audience without scopes', { audiences: [API.identifier] }, ['scopes']],
    [
      'both forms at once',
      { audiences: [API.identifier], scopes: ['read'], grants: [{ resource: OPEN.identifier, scopes: ['read'] }] },
      ['audiences'],
    ],
  ])('refuses %s', (_what, changes, fields) => {
    expect(fieldsOf(changes)).toEqual(fields);
  });

  test('tells all problems at once', () => {
    expect(fieldsOf({ spiffeId: 'x', parentId: 'y', selectors: [], x509Ttl: 1, dnsNames: ['_'], hint: '' })).toEqual([
      'spiffeId',
      'parentId',
      'selectors',
      'dnsNames[0]',
      'x509Ttl',
      'hint',
    ]);
  });

  test('without patterns no DNS name and no common name passes', () => {
    const strict = { ...context, dnsNames: [], commonNames: [] };
    const checked = checkEntry(draft({ dnsNames: ['one.example.org'], commonName: 'db-1' }), strict);
    expect(checked.ok ? [] : checked.problems.map(({ field }) => field)).toEqual(['dnsNames[0]', 'commonName']);
  });
});

describe('an entry id that an operator chose', () => {
  test.each(['web', '0190f0e4', 'A.b-c_d', long(128)])('%s is fine', (id) => {
    expect(entryIdProblem(id)).toBeUndefined();
  });

  test.each(['', '.', '-a', 'a b', 'a/b', 'ä', long(129), 'a\n', 'count'])('%j is refused', (id) => {
    expect(entryIdProblem(id)).toBeDefined();
  });
});
