import type { Answered } from '../support/http.ts';
import { codeOf } from '../support/hostile.ts';
import { csrOf, type Held, Journey } from '../support/journey.ts';
import { newKey } from '../support/x509.ts';

/** Bodies that two readers read differently, on every route that reads JSON from the network (TDB-31, DEC-42). */

let journey: Journey;
let agent: Held;

beforeAll(async () => {
  journey = await Journey.start();
  agent = await journey.attest({ agent: 'node' });
  await journey.entry('web', { parentId: agent.spiffeId });
  await journey.entry('ops', { admin: { role: 'owner', prefix: 'spiffe://example.org' } });
});
afterAll(() => journey.stop());

const post = (path: string, body: string, held?: Held): Promise<Answered> =>
  journey.api(held).ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body });

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

/** A member that does not belong, put where a good body ends. No schema knows it either: the reader has to be first to say no. */
const ODD: readonly [string, string][] = [
  ['a member twice', '"n":1,"n":1'],
  ['a member twice, in escapes', '"n":1,"\\u006e":1'],
  ['__proto__', '"__proto__":{"role":"agent"}'],
  ['__proto__ in escapes', '"\\u005f\\u005fproto__":{"role":"agent"}'],
  ['a number beyond doubles', '"n":1e400'],
  ['an integer of 10,000 digits', `"n":${'9'.repeat(10_000)}`],
  ['an integer beyond 2^53', '"n":9007199254740993'],
  ['half of a surrogate pair', '"n":"\\ud83d"'],
  ['the wrong half first', '"n":"\\ude00\\ud83d"'],
  ['half of a pair as a name', '"\\ud800":1'],
  ['a depth of 10,000', `"n":${nested(10_000)}`],
  ['a comma at the end', ''],
];

/** Names of the runtime that are names like any other: refused because they do not belong. */
const UNKNOWN: readonly [string, string][] = [
  ['constructor', '"constructor":{"prototype":{"role":"agent"}}'],
  ['prototype', '"prototype":{"role":"agent"}'],
  ['toString', '"toString":1'],
];

const UNREADABLE = /^the JSON is not acceptable: /;

const good = {
  '/v1/attest': () => ({ type: 'join_token', evidence: { token: 'x' }, csr: csrOf(newKey()) }),
  '/v1/svids/x509': () => ({ items: [{ csr: csrOf(newKey()), entryId: 'web' }] }),
  '/v1/svids/jwt': () => ({ items: [{ audience: ['db'], entryId: 'web' }] }),
  '/v1/validate': () => ({ credential: 'x' }),
  '/v1/admin/entries': () => ({ spiffeId: 'spiffe://example.org/new', selectors: ['test:1'] }),
};

describe.each(Object.entries(good))('%s', (path, make) => {
  let held: Held;
  beforeAll(async () => {
    held = path.startsWith('/v1/admin') ? await journey.attest({ entry: 'ops' }) : agent;
  });

  /** Nothing of it is done; why it was refused. */
  const refusalOf = async (body: string): Promise<unknown> => {
    const before = journey.size();
    const answer = await post(path, body, held);
    expect(codeOf(answer)).toBe('400 invalid_request');
    expect(answer.text.length).toBeLessThan(1000);
    expect(journey.size()).toBe(before);
    return answer.json()['detail'];
  };

  test.each(ODD)('%s', async (_what, member) => {
    expect(await refusalOf(`${JSON.stringify(make()).slice(0, -1)},${member}}`)).toMatch(UNREADABLE);
  });

  test.each(UNKNOWN)('%s', async (_what, member) => {
    expect(await refusalOf(`${JSON.stringify(make()).slice(0, -1)},${member}}`)).not.toMatch(UNREADABLE);
  });

  // Whoever keeps the last one would take the body for a good one.
  test('each member twice, the good one last', async () => {
    const text = JSON.stringify(make());
    for (const name of Object.keys(make())) {
      const [first = '', ...rest] = name;
      const escaped = `\\u${first.charCodeAt(0).toString(16).padStart(4, '0')}${rest.join('')}`;
      for (const spelled of [name, escaped]) {
        expect(await refusalOf(`{"${spelled}":"x",${text.slice(1)}`)).toMatch(/an object holds a member twice$/);
      }
    }
  });

  test('a byte order mark, octets that are no UTF-8, and nothing', async () => {
    const text = JSON.stringify(make());
    const bodies = [`\ufeff${text}`, '', 'null', '[]', '"x"', `${text}${text}`, text.replaceAll('"', "'")];
    for (const body of bodies) expect(codeOf(await post(path, body, held))).toBe('400 invalid_request');
  });
});

test('no object of the runtime was changed by any of it', () => {
  expect(({} as { role?: string }).role).toBeUndefined();
  expect(Object.keys(Object.prototype)).toEqual([]);
});

test('values of the runtime’s names are only names', async () => {
  for (const entryId of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    const x509 = await post('/v1/svids/x509', JSON.stringify({ items: [{ csr: csrOf(newKey()), entryId }] }), agent);
    expect([400, 403]).toContain(x509.status);
    const path = `/v1/admin/entries/${entryId}`;
    await expect(journey.administer('GET', path)).rejects.toMatchObject({ code: 'not_found' });
  }
  const attest = { type: '__proto__', evidence: {}, csr: csrOf(newKey()) };
  expect(codeOf(await post('/v1/attest', JSON.stringify(attest)))).toBe('403 attestation_refused');
});

test('nothing of all that was an error of ours', () => {
  expect(journey.log.lines.filter(({ message }) => message === 'a request failed')).toEqual([]);
});
