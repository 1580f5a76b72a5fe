import { checkGrants, type GrantsDraft, tokenTtlProblem } from '../../src/domain/grant-rules.ts';
import { Problems } from '../../src/domain/problems.ts';
import type { Resource } from '../../src/domain/resource.ts';

const resource = (identifier: string, over: Partial<Resource> = {}): Resource => ({
  identifier,
  names: ['api'],
  owners: [],
  scopes: [{ name: 'read' }, { name: 'write', maxTtl: 60 }],
  bindings: ['mtls'],
  algorithm: 'ES256',
  claims: {},
  revision: 1,
  ...over,
});

const API = 'https://api.example.org/';
const OPEN = 'urn:example:open';
const RESOURCES = [resource(API), resource(OPEN, { bindings: ['mtls', 'bearer'] })];

const check = (draft: GrantsDraft) => {
  const problems = new Problems();
  const grants = checkGrants(problems, draft, (identifier) => RESOURCES.find((each) => each.identifier === identifier));
  return { grants, problems: problems.all };
};

const fieldsOf = (draft: GrantsDraft) => check(draft).problems.map(({ field }) => field);

// CC-22
describe('the TTL of an access token', () => {
  test.each([30, 3600])('may be %d seconds', (seconds) => {
    expect(tokenTtlProblem(seconds)).toBeUndefined();
  });

  test.each([29, 3601, 0, -60, 60.5, NaN, Infinity])('is not %d seconds', (seconds) => {
    expect(tokenTtlProblem(seconds)).toBe('the TTL of an access token is 30 to 3600 seconds');
  });
});

// DEC-47
describe('grants', () => {
  test('are recorded in one order, without duplicates and without what says nothing', () => {
    const draft = {
      grants: [
        { resource: OPEN, scopes: ['write', 'read', 'write'], defaultScopes: ['write', 'read', 'read'], bearer: true },
        { resource: API, scopes: ['write'], defaultScopes: [], maxTtl: 60, bearer: false },
      ],
    };
    expect(check(draft)).toEqual({
      grants: [
        { resource: API, scopes: ['write'], maxTtl: 60 },
        { resource: OPEN, scopes: ['read', 'write'], defaultScopes: ['read', 'write'], bearer: true },
      ],
      problems: [],
    });
  });

  test('are none when none is written', () => {
    expect(check({})).toEqual({ grants: [], problems: [] });
  });

  test.each([
    ['an identifier of another case', { resource: 'https://API.example.org/', scopes: ['read'] }, 'resource'],
    ['an identifier without its slash', { resource: 'https://api.example.org', scopes: ['read'] }, 'resource'],
    ['a logical name', { resource: 'api', scopes: ['read'] }, 'resource'],
    ['a scope of another case', { resource: API, scopes: ['read', 'Write'] }, 'scopes[1]'],
    ['no scope', { resource: API, scopes: [] }, 'scopes'],
    ['a default beside the scopes', { resource: API, scopes: ['read'], defaultScopes: ['write'] }, 'defaultScopes[0]'],
    ['a TTL above that of a granted scope', { resource: API, scopes: ['read', 'write'], maxTtl: 61 }, 'maxTtl'],
    ['a TTL out of bounds', { resource: API, scopes: ['read'], maxTtl: 0 }, 'maxTtl'],
    ['bearer where the resource takes none', { resource: API, scopes: ['read'], bearer: true }, 'bearer'],
  ])('are refused for %s', (_, grant, field) => {
    const good = { resource: OPEN, scopes: ['read'] };
    expect(fieldsOf({ grants: [good, grant] })).toEqual([`grants[1].${field}`]);
  });

  test('may last longer than a scope that is not among theirs', () => {
    expect(fieldsOf({ grants: [{ resource: API, scopes: ['read'], maxTtl: 3600 }] })).toEqual([]);
  });

  test('tell everything that is wrong at once, and of an unknown resource only that', () => {
    const grants = [
      { resource: API, scopes: ['sing'], defaultScopes: ['rule'], maxTtl: 1, bearer: true },
      { resource: 'urn:unknown', scopes: [], maxTtl: 1 },
    ];
    expect(fieldsOf({ grants })).toEqual([
      'grants[0].scopes[0]',
      'grants[0].defaultScopes[0]',
      'grants[0].maxTtl',
      'grants[0].bearer',
      'grants[1].resource',
    ]);
  });

  test('are one a resource, and at most 64', () => {
    const grant = { resource: API, scopes: ['read'] };
    expect(check({ grants: [grant, grant] }).problems).toEqual([
      { field: 'grants[1].resource', problem: 'is granted twice' },
    ]);
    const many = check({ grants: Array.from({ length: 65 }, () => grant) });
    expect(many).toEqual({ grants: [], problems: [{ field: 'grants', problem: 'holds at most 64 grants' }] });
  });

  test('show a scope in quotes, so that nothing in it can pass for our words', () => {
    const { problems } = check({ grants: [{ resource: API, scopes: ['a\n"b'] }] });
    expect(problems[0]?.problem).toBe(String.raw`the resource defines no scope "a\n\"b"`);
  });
});

// DEC-47: valid with exactly one audience
describe('the short form', () => {
  test('is one grant without defaults', () => {
    const short = check({ audiences: [API], scopes: ['write', 'read'] });
    expect(short).toEqual({ grants: [{ resource: API, scopes: ['read', 'write'] }], problems: [] });
  });

  test.each([
    ['scopes alone', { scopes: ['read'] }, ['audiences']],
    ['two audiences', { audiences: [API, OPEN], scopes: ['read'] }, ['audiences']],
    ['the same audience twice', { audiences: [API, API], scopes: ['read'] }, ['audiences']],
    ['an empty list of audiences', { audiences: [] }, ['audiences']],
    ['an audience alone', { audiences: [API] }, ['scopes']],
    ['an unknown audience', { audiences: ['urn:unknown'], scopes: ['read'] }, ['audiences']],
    ['an unknown scope', { audiences: [API], scopes: ['read', 'rule'] }, ['scopes[1]']],
    [
      'grants beside it',
      { audiences: [API], scopes: ['read'], grants: [{ resource: OPEN, scopes: ['read'] }] },
      ['audiences'],
    ],
    [
      'grants beside scopes',
      { scopes: ['read'], grants: [{ resource: OPEN, scopes: ['read'] }] },
      ['audiences', 'audiences'],
    ],
  ])('is refused with %s', (_, draft, fields) => {
    expect(fieldsOf(draft)).toEqual(fields);
  });
});
