import { Journey, csrOf, type Held, recordedFacts } from '../support/journey.ts';
import type { Answered } from '../support/http.ts';
import type { Client } from '../support/journey-client.ts';
import { testTime } from '../support/journey-time.ts';
import { NotUpgraded, SyncClient } from '../support/sync-client.ts';
import { newKey } from '../support/x509.ts';

/** What a caller cannot make the server do: sizes, depths, numbers, rates (design.md §10, DEC-5, DEC-21). */
const { clock, timers, pass } = testTime();
let journey: Journey;
let agent: Held;
let client: Client;

beforeAll(async () => {
  journey = await Journey.start({
    clock,
    timers,
    configure: (server) => ({
      ...server,
      limits: { ...server.limits, attestPerSource: 10, signPerWorkload: 5, signPerAgent: 200 },
    }),
  });
  agent = await journey.attest({ agent: 'node' });
  client = journey.api(agent);
  await journey.entry('web', { parentId: agent.spiffeId });
  await journey.entry('job');
});

afterAll(() => journey.stop());

/** Every test begins with full buckets. */
beforeEach(() => clock.advance(10_000));

const code = (answer: Answered): string => `${answer.status} ${String(answer.json()['code'])}`;

const json = (path: string, body: string | Uint8Array, from = client): Promise<Answered> =>
  from.ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body });

describe('bodies', () => {
  const attestBody = (more: object = {}): string =>
    JSON.stringify({ type: 'join_token', evidence: { token: 'x' }, csr: 'AAAA', ...more });

  test('64 KiB for most, 256 KiB for SVIDs', async () => {
    const large = attestBody({ evidence: { token: 'a'.repeat(64 * 1024) } });
    expect(code(await json('/v1/attest', large))).toBe('413 payload_too_large');
    const csr = 'A'.repeat(11_000);
    const items = Array.from({ length: 25 }, () => ({ csr, entryId: 'web' }));
    expect(code(await json('/v1/svids/x509', JSON.stringify({ items })))).toBe('413 payload_too_large');
    const fits = JSON.stringify({ items: items.slice(0, 20) });
    const answer = await json('/v1/svids/x509', fits);
    expect(answer.status).toBe(200);
    expect(
      new Set((answer.json() as { items: { error: { code: string } }[] }).items.map((each) => each.error.code)),
    ).toEqual(new Set(['invalid_csr']));
  });

  test('a CSR that is not even base64 is refused in its place, and on record', async () => {
    const items = [
      { csr: '!', entryId: 'web' },
      { csr: csrOf(newKey()), entryId: 'web' },
    ];
    const answer = await client.postJson('/v1/svids/x509', { items });
    const [first, second] = (answer.json() as { items: { error?: { code: string; decision: string } }[] }).items;
    expect(first?.error).toMatchObject({ code: 'invalid_csr', decision: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(second).toMatchObject({ spiffeId: 'spiffe://example.org/web' });
  });

  test('what is announced as too long is refused before it is sent', async () => {
    const headers = { 'content-type': 'application/json', 'content-length': String(10 ** 12) };
    const answer = await journey
      .api()
      .ask('/v1/svids/x509', { method: 'POST', headers })
      .catch((error: Error) => error);
    // Without a certificate the caller is refused before the body is looked at.
    expect('status' in answer ? answer.status : answer.message).toBe(401);
  });

  const nested = (depth: number): string => `{"items":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  const malformed: [string, string][] = [
    ['depth beyond the limit', nested(40)],
    ['absurd depth', nested(20_000)],
    ['a repeated member', '{"items":[],"items":[]}'],
    ['a repeated member inside', '{"items":[{"csr":"AAAA","csr":"AAAB"}]}'],
    ['a repeated member in other letters', '{"items":[{"csr":"AAAA","\\u0063sr":"AAAB"}]}'],
    ['no JSON', '{items:[]}'],
    ['nothing', ''],
    ['not an object', '[]'],
    ['a name of the runtime', '{"__proto__":{"items":[]},"items":[{"csr":"AAAA"}]}'],
    ['an unknown member', '{"items":[{"csr":"AAAA","ttl":999999}]}'],
    ['no item', '{"items":[]}'],
  ];
  test.each(malformed)('%s', async (_name, body) => {
    const before = journey.size();
    expect(code(await json('/v1/svids/x509', body))).toBe('400 invalid_request');
    expect(journey.size()).toBe(before);
  });

  test('octets that are not UTF-8, another type, an encoding', async () => {
    expect(code(await json('/v1/svids/x509', Buffer.from([0x7b, 0xff, 0x7d])))).toBe('400 invalid_request');
    const send = (headers: Record<string, string>) =>
      client.ask('/v1/svids/x509', { method: 'POST', headers, body: '{"items":[]}' });
    expect(code(await send({ 'content-type': 'text/plain' }))).toBe('415 unsupported_media_type');
    expect(code(await send({ 'content-type': 'application/json', 'content-encoding': 'gzip' }))).toBe(
      '415 unsupported_media_type',
    );
  });

  test('101 items are refused whole; a hundred are served', async () => {
    const item = { csr: csrOf(newKey()), entryId: 'web' };
    const batch = (length: number) =>
      json('/v1/svids/x509', JSON.stringify({ items: Array.from({ length }, () => item) }));
    expect(code(await batch(101))).toBe('400 invalid_request'); // DEC-21
    const answer = await batch(100);
    const { items } = answer.json() as { items: { serial: string }[] };
    expect(new Set(items.map(({ serial }) => serial)).size).toBe(100);
  });

  test('a CSR beyond 8 KiB', async () => {
    const csr = Buffer.alloc(8 * 1024 + 1, 0x30).toString('base64');
    expect(code(await json('/v1/svids/x509', JSON.stringify({ items: [{ csr, entryId: 'web' }] })))).toBe(
      '400 invalid_csr',
    );
  });

  test('headers beyond 16 KiB', async () => {
    const answer = await client.ask('/livez', { headers: { 'x-large': 'a'.repeat(17_000) } });
    expect([answer.status, answer.headers['content-type']]).toEqual([431, 'application/problem+json']);
  });
});

describe('rates', () => {
  test('of attestation, per source, before anything is read', async () => {
    const before = journey.size();
    const bad = () => json('/v1/attest', '{', journey.api());
    const answers = await Promise.all(Array.from({ length: 15 }, bad));
    const limited = answers.filter(({ status }) => status === 429);
    expect(limited).toHaveLength(5); // DEC-21
    for (const answer of limited) {
      expect(answer.json()['code']).toBe('rate_limited');
      expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    }
    expect(journey.size()).toBe(before); // DEC-5: metrics only
    clock.advance(1_000);
    expect((await bad()).status).toBe(400);
    const metrics = await journey.administer<string>('GET', '/metrics');
    expect(metrics).toMatch(/mayfly_[a-z_]*refus[a-z_]*\{[^}]*rate_limited[^}]*\} 5/);
  });

  test('of signings, per identity, counted in items', async () => {
    const held = await journey.attest({ entry: 'job' });
    const own = journey.api(held);
    const ask = (length: number) =>
      own.postJson('/v1/svids/jwt', { items: Array.from({ length }, () => ({ audience: ['db'] })) });
    expect((await ask(4)).status).toBe(200);
    const limited = await ask(2);
    expect(code(limited)).toBe('429 rate_limited');
    expect(Number(limited.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect((await ask(1)).status).toBe(200);
    clock.advance(1_000);
    expect((await ask(5)).status).toBe(200);
    // Another identity has a rate of its own.
    const other = await client.postJson('/v1/svids/jwt', { items: [{ audience: ['db'], entryId: 'web' }] });
    expect(other.status).toBe(200);
  });

  test('of the token endpoint, in OAuth’s words', async () => {
    const held = await journey.attest({ entry: 'job' });
    const own = journey.api(held);
    const form = { grant_type: 'client_credentials', client_id: held.spiffeId };
    const answers = await Promise.all(Array.from({ length: 8 }, () => own.postForm('/oauth2/token', form)));
    const limited = answers.filter(({ status }) => status === 429);
    expect(limited).toHaveLength(3);
    expect(limited[0]?.json()['error']).toBe('temporarily_unavailable'); // AS-08
    expect(Number(limited[0]?.headers['retry-after'])).toBeGreaterThanOrEqual(1);
  });

  test('an entry’s own rate takes the place of the default', async () => {
    await journey.entry('fast', { limits: { signingsPerSecond: 20 } });
    const own = journey.api(await journey.attest({ entry: 'fast' }));
    const items = (length: number) => ({ items: Array.from({ length }, () => ({ audience: ['db'] })) });
    expect((await own.postJson('/v1/svids/jwt', items(20))).status).toBe(200);
    expect((await own.postJson('/v1/svids/jwt', items(1))).status).toBe(429);
  });

  test('of validations, as many as signings and beside them', async () => {
    const held = await journey.attest({ entry: 'job' });
    const own = journey.api(held);
    const ask = () => own.postJson('/v1/validate', { credential: held.cert });
    const answers = await Promise.all(Array.from({ length: 8 }, ask));
    const limited = answers.filter(({ status }) => status === 429);
    expect([limited.length, limited[0]?.json()['code']]).toEqual([3, 'rate_limited']);
    expect(Number(limited[0]?.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect((await own.postJson('/v1/svids/jwt', { items: [{ audience: ['db'] }] })).status).toBe(200);
    clock.advance(1_000);
    expect((await ask()).json()['status']).toBe('valid');
  });

  test('of openings of the feed, per agent', async () => {
    const { api } = journey.server.ready;
    const open = async (held: Held): Promise<number> => {
      const stream = await SyncClient.open(api, held).catch((error: NotUpgraded) => error);
      if (stream instanceof NotUpgraded) {
        expect([JSON.parse(stream.body), stream.head]).toEqual([
          expect.objectContaining({ code: 'rate_limited' }),
          expect.stringMatching(/retry-after: 1\r\n/i),
        ]);
        return stream.status;
      }
      stream.close();
      return 101;
    };
    const statuses: number[] = [];
    for (let count = 0; count < 12; count += 1) statuses.push(await open(agent));
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 101), 429, 429]);
    // Another one comes from the same address.
    expect(await open(await journey.attest({ agent: 'neighbour' }))).toBe(101);
    clock.advance(1_000);
    expect([await open(agent), await open(agent)]).toEqual([101, 429]);
  });

  test('of greetings, with one certificate and without any', async () => {
    const { head } = (await client.postJson('/v1/hello', {})).json();
    clock.advance(10_000);
    const greet = async (who: Client): Promise<string> => {
      const answer = await who.postJson('/v1/hello', { head });
      if (answer.status === 429) expect(answer.headers['retry-after']).toBe('1');
      return answer.status === 200 ? '200' : code(answer);
    };
    const expected: [Client, string][] = [
      [journey.api(), '401 unauthenticated'],
      [journey.api(await journey.attest({ entry: 'job' })), '403 forbidden'],
      [client, '200'],
    ];
    for (const [who, first] of expected) {
      const answers: string[] = [];
      for (let count = 0; count < 22; count += 1) answers.push(await greet(who));
      expect(answers).toEqual([...Array.from({ length: 20 }, () => first), '429 rate_limited', '429 rate_limited']);
    }
    expect(await greet(journey.api(await journey.attest({ agent: 'neighbour' })))).toBe('200');
    clock.advance(1_000);
    expect([await greet(client), await greet(client), await greet(client)]).toEqual(['200', '200', '429 rate_limited']);
  });
});

test('a flood of denials from one source does not fill the log: above its rate they are counted', async () => {
  await pass(61_000, 61_000);
  const before = journey.size();
  const ask = () => client.postJson('/v1/svids/jwt', { items: [{ audience: ['db'], entryId: 'nowhere' }] });
  const answers: Answered[] = [];
  for (let at = 0; at < 150; at += 1) answers.push(await ask());
  expect(new Set(answers.map(code))).toEqual(new Set(['403 no_identity']));
  const single = recordedFacts(journey.dataDir, before);
  expect(single).toHaveLength(60);
  expect(answers.filter((answer) => answer.json()['decision'] !== undefined)).toHaveLength(60);
  await pass(10_000, 10_000);
  const [counted, ...more] = recordedFacts(journey.dataDir, before + 60).filter(
    ({ kind }) => kind === 'denials-aggregated',
  );
  expect(more).toEqual([]);
  expect(counted?.fact).toMatchObject({ operation: 'jwt-svid', count: 90, source: expect.any(String) }); // DEC-5
  expect(Object.keys(counted?.clear ?? {})).not.toContain('source'); // TL-15
});

test('issuances are never counted together', async () => {
  const before = journey.size();
  const items = Array.from({ length: 80 }, () => ({ audience: ['db'], entryId: 'web' }));
  await client.postJson('/v1/svids/jwt', { items });
  const kinds = recordedFacts(journey.dataDir, before).map(({ kind }) => kind);
  expect(kinds).toEqual(items.map(() => 'issued')); // DEC-5
});
