import type { Grant } from '../../src/domain/entry.ts';
import type { Binding, Resource } from '../../src/domain/resource.ts';
import { chooseBinding, chooseScopes, chooseTarget, parseScope, tokenTtl } from '../../src/domain/token-request.ts';
import { entryFixture } from '../support/facts.ts';

const resource = (identifier: string, over: Partial<Resource> = {}): Resource => ({
  identifier,
  names: [],
  owners: [],
  scopes: [{ name: 'read' }, { name: 'write', maxTtl: 60 }, { name: 'rule' }],
  bindings: ['mtls'],
  algorithm: 'ES256',
  claims: {},
  revision: 1,
  ...over,
});

const API = resource('https://api.example.org/', { names: ['api'] });
const OTHER = resource('urn:example:other', { names: ['other'] });
const FOREIGN = resource('https://foreign.example.org/', { names: ['foreign'] });
const ALL = [API, OTHER, FOREIGN];
const lookup = {
  get: (identifier: string) => ALL.find((each) => each.identifier === identifier),
  named: (name: string) => ALL.find((each) => each.identifier === name || each.names.includes(name)),
};

const grantAt = (at: Resource, over: Partial<Grant> = {}): Grant => ({
  resource: at.identifier,
  scopes: ['read', 'write'],
  ...over,
});

const entry = entryFixture({ grants: [grantAt(API), grantAt(OTHER)] });
const target = (grant: Partial<Grant> = {}, over: Partial<Resource> = {}) => ({
  resource: { ...API, ...over },
  grant: grantAt(API, grant),
});

const refused = (code: string, message?: string) =>
  expect.objectContaining({ code, ...(message !== undefined && { message }) }) as Error;

/** What the caller is told, and what the operator is. */
const noTarget = (asked: { resource?: readonly string[]; audience?: readonly string[] }, of = entry) => {
  try {
    chooseTarget(of, { resource: [], audience: [], ...asked }, lookup);
  } catch (error) {
    const { code, message, reason } = error as { code?: string; message: string; reason?: string };
    return { code, message, reason };
  }
  throw new Error('a target was chosen');
};

// CC-10, RFC 6749 §3.3
describe('the scope parameter', () => {
  test('is split at single spaces; case counts, a repeated scope does not', () => {
    expect(parseScope('read Read write read')).toEqual(['read', 'Read', 'write']);
    expect(parseScope('!#[]~')).toEqual(['!#[]~']);
    expect(parseScope(Array.from({ length: 64 }, (_, at) => `s${at}`).join(' '))).toHaveLength(64);
  });

  test.each([
    ['empty', ''],
    ['a space alone', ' '],
    ['a space in front', ' read'],
    ['a space at the end', 'read '],
    ['two spaces', 'read  write'],
    ['a tab', 'read\twrite'],
    ['a line break', 'read\nwrite'],
    ['a line break at the end', 'read\n'],
    ['a quote', 're"ad'],
    ['a backslash', 're\\ad'],
    ['a control character', 're\u007fad'],
    ['a NUL', 're\0ad'],
    ['a letter outside ASCII', 'réad'],
    ['a no-break space', 'read\u00a0write'],
    // AS-07
    ['65 scopes', Array.from({ length: 65 }, (_, at) => `s${at}`).join(' ')],
  ])('is refused: %s', (_, text) => {
    expect(() => parseScope(text)).toThrow(refused('invalid_scope', 'the scope parameter is malformed'));
  });
});

describe('the resource that a token is for', () => {
  // RS-04, AT-04
  test.each([
    ['by identifier', { resource: [API.identifier], audience: [] }],
    ['as an audience that is an identifier', { resource: [], audience: [API.identifier] }],
    ['as an audience that is a logical name', { resource: [], audience: ['api'] }],
    ['twice', { resource: [API.identifier, API.identifier], audience: ['api'] }],
  ])('may be named %s', (_, asked) => {
    expect(chooseTarget(entry, asked, lookup)).toEqual({ resource: API, grant: grantAt(API) });
  });

  test('is that of the only grant when none is named (AT-04)', () => {
    const grants = [grantAt(OTHER)];
    const chosen = chooseTarget(entryFixture({ grants }), { resource: [], audience: [] }, lookup);
    expect(chosen).toEqual({ resource: OTHER, grant: grants[0] });
  });

  // RS-01, RFC 8707 §2
  test.each([
    ['not a URI', 'foo'],
    ['a logical name', 'api'],
    ['empty', ''],
    ['relative', '/api'],
    ['without a scheme', '//api.example.org/'],
    ['with a fragment', `${API.identifier}#x`],
    ['with an empty fragment', `${API.identifier}#`],
    ['with a space', 'https://api.example.org/ '],
    ['with a line break', `${API.identifier}\n`],
    ['with a scheme that starts with a digit', '1ttps://api.example.org/'],
    ['with a scheme alone', 'https:'],
    ['with a port that is none', 'https://api.example.org:99999/'],
  ])('must be an absolute URI without fragment: %s', (_, identifier) => {
    const message = 'a resource is an absolute URI without fragment';
    expect(noTarget({ resource: [identifier] })).toEqual({ code: 'invalid_target', message, reason: undefined });
    expect(noTarget({ resource: [API.identifier, identifier] })).toMatchObject({ code: 'invalid_target', message });
  });

  // RS-02: the reason is for the operator
  test.each([
    ['unknown', { resource: ['https://unknown.example.org/'] }, 'there is no such resource'],
    ['an unknown name', { audience: ['unknown'] }, 'there is no such resource'],
    ['not granted', { resource: [FOREIGN.identifier] }, `the entry has no grant at ${FOREIGN.identifier}`],
    ['a name not granted', { audience: ['foreign'] }, `the entry has no grant at ${FOREIGN.identifier}`],
    ['written otherwise', { resource: ['https://API.example.org/'] }, 'there is no such resource'],
    ['without its slash', { resource: ['https://api.example.org'] }, 'there is no such resource'],
    ['in an audience of another case', { audience: ['API'] }, 'there is no such resource'],
    ['two of its own', { resource: [API.identifier, OTHER.identifier] }, 'a token is for one resource only'],
    ['two names', { audience: ['api', 'other'] }, 'a token is for one resource only'],
    ['one of each kind', { resource: [API.identifier], audience: ['other'] }, 'a token is for one resource only'],
    ['its own and an unknown one', { audience: ['api', 'unknown'] }, 'a token is for one resource only'],
    ['none, of two grants', {}, 'no resource was named, and the entry has not exactly one grant'],
  ])('is refused with one text, whatever is wrong: %s', (_, asked, reason) => {
    const message = 'the requested resource is unknown or not granted';
    expect(noTarget(asked)).toEqual({ code: 'invalid_target', message, reason });
  });

  test('is refused when none is named and nothing is granted, or the resource went', () => {
    expect(noTarget({}, entryFixture())).toMatchObject({ code: 'invalid_target' });
    const gone = entryFixture({ grants: [grantAt(resource('urn:gone'))] });
    expect(noTarget({}, gone)).toMatchObject({ code: 'invalid_target', reason: 'there is no such resource' });
  });
});

describe('the scopes that a token gets', () => {
  test('are those asked for, not the defaults nor all that is granted', () => {
    expect(chooseScopes(target({ defaultScopes: ['read'] }), ['write'])).toEqual(['write']);
  });

  // DEC-55
  test('are the defaults of the grant when none was asked for', () => {
    expect(chooseScopes(target({ defaultScopes: ['read'] }), undefined)).toEqual(['read']);
  });

  test.each([
    ['the grant has no default', {}],
    ['the default is empty', { defaultScopes: [] }],
  ])('have to be named when %s (DEC-55)', (_, grant) => {
    const refusal = refused('invalid_scope', 'name the scopes: the grant has no default');
    expect(() => chooseScopes(target(grant), undefined)).toThrow(refusal);
  });

  test('are not the defaults for an empty list', () => {
    expect(() => chooseScopes(target({ defaultScopes: ['read'] }), [])).toThrow(refused('invalid_scope'));
  });

  // CC-11, RS-03, DEC-55: one text for unknown and not granted, and only what the caller sent
  test.each([
    ['not granted', ['rule'], 'not granted: rule'],
    ['unknown', ['sing'], 'not granted: sing'],
    ['one good, two bad', ['read', 'sing', 'rule'], 'not granted: sing rule'],
    ['of another case', ['Read'], 'not granted: Read'],
    ['a part of one', ['rea'], 'not granted: rea'],
  ])('are never narrowed in silence: %s', (_, asked, message) => {
    expect(() => chooseScopes(target({ defaultScopes: ['read'] }), asked)).toThrow(refused('invalid_scope', message));
  });

  test('are refused once the resource defines them no more, asked for or default', () => {
    const narrowed = target({ defaultScopes: ['write'] }, { scopes: [{ name: 'read' }] });
    expect(() => chooseScopes(narrowed, ['write'])).toThrow(refused('invalid_scope', 'not granted: write'));
    expect(() => chooseScopes(narrowed, undefined)).toThrow(refused('invalid_scope', 'not granted: write'));
  });

  test('are refused when the resource defines them, and the default is outside the grant', () => {
    expect(() => chooseScopes(target({ defaultScopes: ['rule'] }), undefined)).toThrow(refused('invalid_scope'));
  });
});

describe('the life of a token', () => {
  // DEC-47
  test.each([
    ['the default', {}, ['read'], 300],
    ["the grant's limit", { maxTtl: 120 }, ['read'], 120],
    ["a scope's limit", { maxTtl: 120 }, ['read', 'write'], 60],
    ["the grant's, below that of a scope", { maxTtl: 45 }, ['write'], 45],
    ['the default, below the limit of the grant', { maxTtl: 3600 }, ['read'], 300],
  ])('is the least: %s', (_, grant, scopes, seconds) => {
    expect(tokenTtl(target(grant), scopes, 300)).toBe(seconds);
  });
});

// DEC-30
describe('how a token is bound', () => {
  const choose = (bindings: readonly Binding[], mtls: boolean, bearer?: boolean) =>
    chooseBinding(target(bearer === undefined ? {} : { bearer }, { bindings }), { mtls });

  test.each<[readonly Binding[], boolean, boolean, Binding]>([
    [['mtls'], true, false, 'mtls'],
    [['dpop', 'mtls'], true, false, 'mtls'],
    [['mtls', 'bearer'], true, true, 'mtls'],
    [['mtls', 'bearer'], false, true, 'bearer'],
    [['bearer', 'mtls'], true, true, 'bearer'],
    [['bearer', 'mtls'], true, false, 'mtls'],
  ])('%j, with a certificate: %j, bearer granted: %j', (bindings, mtls, bearer, binding) => {
    expect(choose(bindings, mtls, bearer)).toBe(binding);
  });

  test.each<[string, readonly Binding[], boolean, boolean | undefined]>([
    ['no certificate', ['mtls'], false, undefined],
    ['no certificate, and bearer granted where the resource takes none', ['mtls'], false, true],
    ['bearer is not in the grant', ['bearer'], true, undefined],
    ['bearer is denied in the grant', ['mtls', 'bearer'], false, false],
    ['only DPoP is accepted', ['dpop'], true, true],
    ['nothing is accepted', [], true, true],
  ])('is refused: %s', (_, bindings, mtls, bearer) => {
    expect(() => choose(bindings, mtls, bearer)).toThrow(refused('invalid_request'));
  });
});
