import {
  activeOf,
  isOver,
  isPublished,
  isSameLine,
  isUsable,
  isWaiting,
  nextGeneration,
  maySignFrom,
  publishedRootOf,
  rotatesAt,
} from '../../src/domain/authority-life.ts';
import { AUTHORITY_PURPOSES, type Authority, type KeyId } from '../../src/domain/authority.ts';
import { DEFAULT_AUTHORITY_POLICY as POLICY } from '../../src/domain/authority-policy.ts';
import { unixSeconds } from '../../src/domain/instant.ts';
import { at, DAY, START } from '../support/authority-world.ts';
import { authorityFixture } from '../support/facts.ts';

const NOW = unixSeconds(START);
const DAY_SECONDS = DAY / 1000;

const root = authorityFixture({
  id: 'root' as KeyId,
  purpose: 'x509-root',
  state: 'active',
  preparedAt: START,
  activatedAt: START,
  notAfter: NOW + 365 * DAY_SECONDS,
});
const issuing = authorityFixture({
  id: 'issuing' as KeyId,
  issuer: root.id,
  state: 'active',
  preparedAt: START,
  activatedAt: START,
  notAfter: NOW + 7 * DAY_SECONDS,
});
const { certificate: _rootDer, ...rootWithout } = root;
const { certificate: _issuingDer, ...waiting } = issuing;
const { certificate: _jwtDer, issuer: _issuer, ...bare } = issuing;
const jwt: Authority = { ...bare, id: 'jwt' as KeyId, purpose: 'jwt-svid' };

const STATES = ['prepared', 'active', 'old', 'revoked', 'gone'] as const;

describe('an authority without a certificate', () => {
  test('waits when it is a CA, and is published only once it has one', () => {
    expect([waiting, rootWithout].map(isWaiting)).toEqual([true, true]);
    expect([waiting, rootWithout].some(isPublished)).toBe(false);
    expect([issuing, root, jwt].some(isWaiting)).toBe(false);
  });
});

describe('verifiers are told of an authority', () => {
  // DEC-22, DEC-23
  test.each([
    ['prepared', true],
    ['active', true],
    ['old', true],
    ['revoked', false],
    ['gone', false],
  ] as const)('that is %s: %s', (state, published) => {
    for (const each of [root, issuing, jwt]) expect(isPublished({ ...each, state })).toBe(published);
  });

  test('also when it is tainted: what it signed has to be verified until it is replaced', () => {
    expect(isPublished({ ...jwt, tainted: true })).toBe(true);
  });
});

describe('the root of an issuing CA', () => {
  test.each([
    ['prepared', true],
    ['active', true],
    ['old', true],
    ['revoked', false],
    ['gone', false],
  ] as const)('is published when it is %s: %s', (state, published) => {
    const hangsOn = { ...root, state };
    expect(publishedRootOf(issuing, [jwt, issuing, hangsOn])).toBe(published ? hangsOn : undefined);
  });

  test('is published also when it is tainted, and not before it has a certificate', () => {
    const tainted = { ...root, tainted: true };
    expect(publishedRootOf(issuing, [issuing, tainted])).toBe(tainted);
    expect(publishedRootOf(issuing, [issuing, rootWithout])).toBeUndefined();
  });

  test('is its own, not another', () => {
    expect(publishedRootOf(issuing, [issuing, { ...root, id: 'root-2' as KeyId }])).toBeUndefined();
  });
});

describe('an authority may sign', () => {
  const usable = (authority: Authority, hangsOn: Authority = root, now = START) =>
    isUsable(authority, [hangsOn, authority], now);

  test('when it is prepared or active, and lives', () => {
    for (const each of [issuing, jwt, root]) {
      expect(usable(each)).toBe(true);
      expect(usable({ ...each, state: 'prepared' })).toBe(true);
    }
  });

  test.each(['old', 'revoked', 'gone'] as const)('not when it is %s', (state) => {
    for (const each of [issuing, jwt, root]) expect(usable({ ...each, state })).toBe(false);
  });

  test('not when it is tainted, waits for its certificate, or has come to its end', () => {
    expect(usable({ ...jwt, tainted: true })).toBe(false);
    expect(usable(waiting)).toBe(false);
    expect(usable(issuing, root, at(7 * DAY - 1))).toBe(true);
    expect(usable(issuing, root, at(7 * DAY))).toBe(false);
  });

  test.each([
    ['revoked', { ...root, state: 'revoked' as const }],
    ['gone', { ...root, state: 'gone' as const }],
    ['tainted', { ...root, tainted: true }],
    ['not installed', rootWithout],
    ['another', { ...root, id: 'root-2' as KeyId }],
  ])('not as an issuing CA whose root is %s', (_, hangsOn) => {
    expect(usable(issuing, hangsOn)).toBe(false);
    expect(usable(jwt, hangsOn)).toBe(true);
  });

  test('as an issuing CA whose root is old: it verifies still', () => {
    expect(usable(issuing, { ...root, state: 'old' })).toBe(true);
  });
});

describe('the next one takes over', () => {
  const life = POLICY.life['jwt-svid'];

  // design.md §6, DEC-22
  test('at five sixths of the life that counts from activation', () => {
    const late = { ...jwt, activatedAt: at(DAY), notAfter: NOW + 2 * life };
    expect(rotatesAt(late, POLICY)).toBe(NOW + DAY_SECONDS + (life * 5) / 6);
    expect(rotatesAt(jwt, POLICY)).toBe(NOW + (life * 5) / 6);
  });

  test('earlier when its certificate ends before its life would', () => {
    expect(rotatesAt({ ...jwt, notAfter: NOW + 600 }, POLICY)).toBe(NOW + 500);
  });

  test('by the time of its preparation while it was never active', () => {
    const { activatedAt: _activatedAt, ...spare } = jwt;
    expect(rotatesAt(spare, POLICY)).toBe(NOW + (life * 5) / 6);
  });
});

// DEC-9: it is activated and retired at ledger time, which stays ahead where the wall clock once was.
describe('ledger time that is ahead of the clock', () => {
  const future = at(3650 * DAY);

  test('leaves the last sixth of a life to what was signed', () => {
    const end = NOW + 7 * DAY_SECONDS;
    expect(rotatesAt({ ...jwt, activatedAt: future }, POLICY)).toBe(end - (7 * DAY_SECONDS) / 6);
    expect(rotatesAt({ ...jwt, activatedAt: at(6 * DAY) }, POLICY)).toBe(end - (7 * DAY_SECONDS) / 6);
  });

  test('keeps what retired no longer than anything that it signed', () => {
    const old: Authority = { ...jwt, state: 'old', retiredAt: future };
    const end = (old.notAfter - NOW + POLICY.retention['jwt-svid']) * 1000;
    expect(isOver(old, [old], at(end - 1000), POLICY)).toBe(false);
    expect(isOver(old, [old], at(end), POLICY)).toBe(true);
  });
});

describe('a spare may sign', () => {
  const { activatedAt: _jwtAt, ...jwtSpare } = { ...jwt, state: 'prepared' as const };
  const { activatedAt: _rootAt, ...rootSpare } = { ...root, state: 'prepared' as const };

  // JK-06, DEC-22
  test('once it was published for the time that caches need', () => {
    expect(maySignFrom(jwtSpare, [jwtSpare], POLICY)).toBe(NOW + POLICY.prepublish);
    expect(maySignFrom(rootSpare, [rootSpare], POLICY)).toBe(NOW + POLICY.prepublish);
  });

  test('as an issuing CA once its root was: nobody is told of the CA itself', () => {
    const later = { ...issuing, state: 'prepared' as const, preparedAt: at(DAY) };
    expect(maySignFrom(later, [rootSpare, later], POLICY)).toBe(NOW + POLICY.prepublish);
  });

  test('at once as an issuing CA under a root that was active before', () => {
    expect(maySignFrom(issuing, [root, issuing], POLICY)).toBe(0);
    expect(maySignFrom(issuing, [{ ...root, state: 'old' }, issuing], POLICY)).toBe(0);
  });
});

describe('an authority is over', () => {
  const over = (authority: Authority, seconds: number, others: readonly Authority[] = [], policy = POLICY) =>
    isOver(authority, [...others, authority], at(seconds * 1000), policy);
  const end = jwt.notAfter - NOW;

  test('not while it is active, and not again when it is gone', () => {
    for (const each of [jwt, issuing, root]) {
      expect(over(each, 400 * DAY_SECONDS)).toBe(false);
      expect(over({ ...each, state: 'gone' }, 400 * DAY_SECONDS)).toBe(false);
    }
  });

  test.each(['prepared', 'revoked'] as const)('with its own life when it is %s', (state) => {
    expect(over({ ...jwt, state }, end - 1)).toBe(false);
    expect(over({ ...jwt, state }, end)).toBe(true);
  });

  test('never while it waits for its certificate, until it is revoked', () => {
    expect(over({ ...waiting, state: 'prepared' }, 400 * DAY_SECONDS)).toBe(false);
    expect(over({ ...waiting, state: 'revoked' }, 400 * DAY_SECONDS)).toBe(true);
  });

  // JK-07
  test.each(AUTHORITY_PURPOSES.filter((purpose) => purpose !== 'x509-root'))(
    'when nothing that the retired key for %s signed can be in use',
    (purpose) => {
      const old: Authority = { ...issuing, purpose, state: 'old', retiredAt: at(DAY) };
      const kept = DAY_SECONDS + POLICY.retention[purpose];
      expect(over(old, kept - 1)).toBe(false);
      expect(over(old, kept)).toBe(true);
    },
  );

  test('as an old root only after the last CA that hangs on it', () => {
    const old = { ...root, state: 'old' as const, retiredAt: START };
    for (const state of STATES) {
      const isLast = state === 'gone' || state === 'revoked';
      expect(over(old, 400 * DAY_SECONDS, [{ ...issuing, state }])).toBe(isLast);
    }
    expect(over(old, 0, [{ ...issuing, issuer: 'root-2' as KeyId }])).toBe(true);
  });

  test('as an active JWT key of an algorithm that was switched off, after what it signed', () => {
    const rsa: Authority = { ...jwt, algorithm: 'RS256' };
    const kept = end + POLICY.retention['jwt-svid'];
    expect(over(rsa, kept - 1)).toBe(false);
    expect(over(rsa, kept)).toBe(true);
    const both = { ...POLICY, algorithms: { ...POLICY.algorithms, 'jwt-svid': ['ES256', 'RS256'] as const } };
    expect(over(rsa, kept, [], both)).toBe(false);
    // A CA of another algorithm is replaced like any other.
    expect(over({ ...issuing, algorithm: 'ES384' }, kept)).toBe(false);
  });
});

describe('generations', () => {
  test('count from 1 within one purpose, and are not used again after a gap', () => {
    expect(nextGeneration([], 'jwt-svid')).toBe(1);
    expect(nextGeneration([{ ...issuing, generation: 9 }], 'jwt-svid')).toBe(1);
    const all = [
      { ...jwt, generation: 5, state: 'revoked' as const },
      { ...jwt, generation: 2 },
    ];
    expect(nextGeneration(all, 'jwt-svid')).toBe(6);
  });
});

describe('the one that signs', () => {
  const rsa: Authority = { ...jwt, id: 'rsa' as KeyId, algorithm: 'RS256' };

  test('is one for each algorithm of a JWT purpose, and one for a CA', () => {
    const all = [{ ...jwt, state: 'old' as const }, rsa, issuing, root];
    expect(activeOf(all, 'jwt-svid', 'RS256')).toBe(rsa);
    expect(activeOf(all, 'jwt-svid', 'ES256')).toBeUndefined();
    expect(activeOf(all, 'jwt-svid')).toBe(rsa);
    expect(activeOf(all, 'x509-issuing', 'ES384')).toBe(issuing);
  });

  test.each(STATES.filter((state) => state !== 'active'))('is none that is %s', (state) => {
    expect(activeOf([{ ...jwt, state }], 'jwt-svid')).toBeUndefined();
  });

  // JK-04
  test('is never one of another purpose', () => {
    expect(activeOf([jwt], 'access-token', 'ES256')).toBeUndefined();
    expect(isSameLine(issuing, 'x509-root', undefined)).toBe(false);
    expect(isSameLine(jwt, 'jwt-svid', 'RS256')).toBe(false);
  });
});
