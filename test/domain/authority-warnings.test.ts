import type { Authority, KeyId } from '../../src/domain/authority.ts';
import { DEFAULT_AUTHORITY_POLICY as POLICY } from '../../src/domain/authority-policy.ts';
import { authorityWarnings } from '../../src/domain/authority-warnings.ts';
import { unixSeconds } from '../../src/domain/instant.ts';
import { at, DAY, START } from '../support/authority-world.ts';
import { authorityFixture } from '../support/facts.ts';

const NOW = unixSeconds(START);
const DAY_SECONDS = DAY / 1000;
const OFFLINE = { ...POLICY, root: 'offline' } as const;
const BROUGHT = { ...POLICY, root: 'brought' } as const;

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
  notAfter: NOW + 40 * DAY_SECONDS,
});
const next: Authority = { ...issuing, id: 'next' as KeyId, state: 'prepared' };
const { certificate: _none, ...waiting } = next;

/** The days after the start on which something is said. */
const said = (all: readonly Authority[], policy: typeof OFFLINE | typeof BROUGHT | typeof POLICY, days: number) =>
  authorityWarnings(all, at(days * DAY), policy);

test('nothing is said of a root that is made here, however late', () => {
  for (const days of [0, 39, 364]) expect(said([root, issuing], POLICY, days)).toEqual([]);
});

describe('an offline root', () => {
  test('is asked for the next issuing CA from half of life to the end', () => {
    expect(said([root, issuing], OFFLINE, 19.9)).toEqual([]);
    for (const days of [20, 39.9]) {
      expect(said([root, issuing], OFFLINE, days)).toEqual([
        expect.stringMatching(/^the issuing CA ends 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ: have the offline root sign/),
      ]);
    }
    // Then the server is not ready, which says more.
    expect(said([root, issuing], OFFLINE, 40)).toEqual([]);
  });

  test('is asked until the next one is signed, not only made', () => {
    expect(said([root, issuing, waiting], OFFLINE, 21)).toHaveLength(1);
    expect(said([root, issuing, next], OFFLINE, 21)).toEqual([]);
    expect(said([root, issuing, { ...next, tainted: true }], OFFLINE, 21)).toHaveLength(1);
  });
});

describe.each([
  ['an offline root', OFFLINE],
  ['a brought root', BROUGHT],
] as const)('%s', (_name, policy) => {
  const late = { ...issuing, notAfter: root.notAfter, activatedAt: at(300 * DAY) };

  test('is followed by another in time: two months before it ends, unless the next one is there', () => {
    expect(said([root, late], policy, 304)).toEqual([]);
    expect(said([root, late], policy, 305)).toEqual([expect.stringMatching(/^the root ends 20.*: bring the next one/)]);
    const second: Authority = { ...root, id: 'second' as KeyId, state: 'prepared', notAfter: root.notAfter * 2 };
    expect(said([root, late, second], policy, 305)).toEqual([]);
  });

  test('that is not there is no matter of time', () => {
    expect(said([], policy, 0)).toEqual([]);
    expect(said([{ ...root, tainted: true }], policy, 360)).toEqual([]);
  });
});

test('a brought root signs by itself', () => {
  expect(said([root, issuing], BROUGHT, 30)).toEqual([]);
});
