import * as fc from 'fast-check';
import { Refusal } from '../../src/domain/refusal.ts';
import {
  agentId,
  isMember,
  isPathPrefix,
  isReserved,
  parseOperatorSpiffeId,
  parseSpiffeId,
  pathOf,
  serverId,
  spiffeIdFromPath,
  spiffeIdProblem,
  trustDomainOf,
} from '../../src/domain/spiffe-id.ts';
import { parseTrustDomain } from '../../src/domain/trust-domain.ts';

const td = parseTrustDomain('example.org');
const accepts = (text: string): boolean => spiffeIdProblem(text) === undefined;
const trustDomainCharacters = 'abcdefghijklmnopqrstuvwxyz0123456789.-_';
const segmentCharacters = `${trustDomainCharacters}ABCDEFGHIJKLMNOPQRSTUVWXYZ`;

const segment = fc
  .string({ unit: fc.constantFrom(...segmentCharacters.split('')), minLength: 1, maxLength: 12 })
  .filter((text) => text !== '.' && text !== '..');
const path = fc.array(segment, { maxLength: 5 }).map((segments) => segments.map((text) => `/${text}`).join(''));
const name = fc.string({ unit: fc.constantFrom(...trustDomainCharacters.split('')), minLength: 1, maxLength: 30 });
const id = fc.tuple(name, path).map(([name, path]) => parseSpiffeId(`spiffe://${name}${path}`));

describe('parseSpiffeId', () => {
  // ID-1 … ID-9, ID-12, ID-15
  test.each([
    '',
    'http://td/a',
    'spiffe:/td/a',
    'spiffe:td',
    'spiffe//td/a',
    '//td/a',
    'spiffe:///a',
    'spiffe://',
    'spiffe:// ',
    'spiffe://td:80/a',
    'spiffe://td:/x',
    'spiffe://u@td/a',
    'spiffe://u:p@td/a',
    'spiffe://@td/a',
    'spiffe://td?x',
    'spiffe://td/a?x',
    'spiffe://td/a?',
    'spiffe://td#f',
    'spiffe://td/a#',
    'spiffe://t%41/a',
    'spiffe://td/%41',
    'spiffe://td/%2e%2e/a',
    'spiffe://td//',
    'spiffe://td//a',
    'spiffe://td/a//b',
    'spiffe://td/./a',
    'spiffe://td/a/.',
    'spiffe://td/a/..',
    'spiffe://td/../a',
    'spiffe://td/',
    'spiffe://td/a/',
    'spiffe://td\\a',
    'spiffe://t~d/a',
    'spiffe://td/a!',
    'spiffe://td/a;b',
    'spiffe://td/a b',
    'spiffe://[::1]/a',
    'spiffe://tüd/a',
    'spiffe://td/ä',
    'spiffe://td/\u212a',
    'spiffe://td/\ud800',
    `spiffe://${'a'.repeat(256)}/a`,
    ' spiffe://td/a',
    'spiffe://td/a ',
    'spiffe://td/a\n',
    '\u0000spiffe://td/a',
    'SPIFFE://td/a',
    'Spiffe://td/a',
    'spiffe://TD/a',
    'spiffe://tD',
  ])('refuses %j', (text) => {
    expect(() => parseSpiffeId(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });

  test.each([
    ['spiffe://td', 'td', ''],
    ['spiffe://1.2.3.4/a', '1.2.3.4', '/a'],
    ['spiffe://a_b.c-d/X.y_z-0', 'a_b.c-d', '/X.y_z-0'],
    ['spiffe://td/...', 'td', '/...'],
    ['spiffe://td/a/.b', 'td', '/a/.b'],
    ['spiffe://td/..a/b..', 'td', '/..a/b..'],
    ['spiffe://a..b/x', 'a..b', '/x'], // ID-5
    ['spiffe://.a', '.a', ''],
    ['spiffe://a./x', 'a.', '/x'],
    ['spiffe://-a/x', '-a', '/x'],
    ['spiffe://./x', '.', '/x'],
    [`spiffe://${'a'.repeat(255)}/x`, 'a'.repeat(255), '/x'],
  ])('accepts %s', (text, trustDomain, path) => {
    const id = parseSpiffeId(text);
    expect([id, trustDomainOf(id), pathOf(id)]).toEqual([text, trustDomain, path]);
  });

  // ID-10, ID-11
  test('2048 bytes are the limit', () => {
    const full = `spiffe://td/${'a'.repeat(2048 - 'spiffe://td/'.length)}`;
    expect(full).toHaveLength(2048);
    expect(accepts(full)).toBe(true);
    expect(accepts(`${full}a`)).toBe(false);
  });

  // ID-3, ID-4
  test('tries every byte value and more in the trust domain', () => {
    for (let code = 0; code < 0x300; code++) {
      const character = String.fromCharCode(code);
      // A slash ends the trust domain and starts a path.
      const expected = trustDomainCharacters.includes(character) || character === '/';
      expect([code, accepts(`spiffe://a${character}b`)]).toEqual([code, expected]);
    }
  });

  // ID-6, ID-9
  test('tries every byte value and more in the path', () => {
    for (let code = 0; code < 0x300; code++) {
      const character = String.fromCharCode(code);
      const expected = segmentCharacters.includes(character) || character === '/';
      expect([code, accepts(`spiffe://td/a${character}b`)]).toEqual([code, expected]);
    }
  });

  test('the field and a reason are in the refusal, the text is not', () => {
    try {
      parseSpiffeId('spiffe://td/secret!', { field: 'selectors[2]' });
      expect(true).toBe(false);
    } catch (error) {
      expect(error).toBeInstanceOf(Refusal);
      expect((error as Refusal).field).toBe('selectors[2]');
      expect((error as Refusal).message).toContain('the path may hold only');
      expect((error as Refusal).message).not.toContain('secret');
    }
  });

  test('what is accepted is only its two parts', () => {
    fc.assert(
      fc.property(id, (id) => {
        expect(spiffeIdFromPath(trustDomainOf(id), pathOf(id))).toBe(id);
        expect(isMember(id, trustDomainOf(id))).toBe(true);
      }),
    );
  });

  test('any text is either kept as it is or refused', () => {
    const nearly = fc.string({ unit: fc.constantFrom(...'aA./:@?#%-~ é'.split('')) });
    fc.assert(
      fc.property(nearly, (rest) => {
        const text = `spiffe://${rest}`;
        const valid = /^spiffe:\/\/[a-z0-9._-]+(\/(?!\.\.?(\/|$))[A-Za-z0-9._-]+)*$/.test(text);
        expect(accepts(text)).toBe(valid);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('parseOperatorSpiffeId', () => {
  // ID-13, ID-15
  test('folds scheme and trust domain, never the path', () => {
    expect(parseOperatorSpiffeId('SPIFFE://Example.ORG/Db')).toBe('spiffe://example.org/Db');
    expect(parseOperatorSpiffeId('spiffe://TD')).toBe('spiffe://td');
  });

  // The Kelvin sign folds to an ASCII k under Unicode rules.
  test.each([
    'spiffe://\u212a/a',
    'spiffe://T%44/a',
    'spiffe://TD//a',
    'spiffe://TD/a/',
    'spiffe://TD/./a',
    ' SPIFFE://td',
    'TD',
    '/A',
  ])('repairs nothing else: %j', (text) => {
    expect(() => parseOperatorSpiffeId(text)).toThrow(Refusal);
  });
});

describe('spiffeIdFromPath', () => {
  test('joins a trust domain and a path', () => {
    expect(spiffeIdFromPath(td, '/a/b')).toBe('spiffe://example.org/a/b');
    expect(spiffeIdFromPath(td, '')).toBe('spiffe://example.org');
  });

  test.each(['a', '.evil', 'x/a', '/', '/a/', '//a', '/a/../b', '/a?b', '?', '#', ':80/a'])('refuses %j', (path) => {
    expect(() => spiffeIdFromPath(td, path)).toThrow(Refusal);
  });
});

describe('isPathPrefix', () => {
  // DEC-6
  test.each([
    ['/db', '/db', true],
    ['/db', '/db/main', true],
    ['', '/db', true],
    ['', '', true],
    ['/db', '/dbx', false],
    ['/db', '/db.x', false],
    ['/db', '/d', false],
    ['/db/main', '/db', false],
    ['/db', '/Db', false],
    ['/db', '/x/db', false],
  ])('%s covers %s: %s', (prefix, path, covers) => {
    expect(isPathPrefix(spiffeIdFromPath(td, prefix), spiffeIdFromPath(td, path))).toBe(covers);
  });

  test('another trust domain is never covered, though its name starts alike', () => {
    const other = parseTrustDomain('example.org.evil');
    expect(isPathPrefix(spiffeIdFromPath(td, ''), spiffeIdFromPath(other, '/a'))).toBe(false);
    expect(isPathPrefix(spiffeIdFromPath(td, ''), spiffeIdFromPath(other, ''))).toBe(false);
  });

  test('agrees with a comparison of segments', () => {
    fc.assert(
      fc.property(id, id, path, (prefix, other, below) => {
        expect(isPathPrefix(prefix, parseSpiffeId(`${prefix}${below}`))).toBe(true);
        const wanted = prefix.split('/');
        const expected = wanted.every((segment, at) => other.split('/')[at] === segment);
        expect(isPathPrefix(prefix, other)).toBe(expected);
      }),
    );
  });
});

describe('reserved IDs', () => {
  // DEC-18
  test('have their place below /mayfly', () => {
    expect(serverId(td)).toBe('spiffe://example.org/mayfly/server');
    expect(agentId(td, 'x509pop', 'ab12')).toBe('spiffe://example.org/mayfly/agent/x509pop/ab12');
    expect(isReserved(serverId(td))).toBe(true);
    expect(isReserved(parseSpiffeId('spiffe://td/mayfly'))).toBe(true);
    expect(isReserved(parseSpiffeId('spiffe://td/mayfly/x/y'))).toBe(true);
  });

  test.each(['spiffe://td', 'spiffe://td/mayflyx', 'spiffe://td/a/mayfly', 'spiffe://td/Mayfly', 'spiffe://mayfly/a'])(
    '%s is free',
    (text) => {
      expect(isReserved(parseSpiffeId(text))).toBe(false);
    },
  );

  test.each([
    ['', 'x'],
    ['a', ''],
    ['a/b', 'x'],
    ['a', 'x/y'],
    ['a', '..'],
    ['.', 'x'],
    ['a', 'é'],
    ['a', 'x y'],
  ])('an agent of %j named %j is refused', (attestor, name) => {
    expect(() => agentId(td, attestor, name)).toThrow(Refusal);
  });
});
