import { csrOf, type Held, heldFrom, Journey, recordedFacts } from '../support/journey.ts';
import type { Answered } from '../support/http.ts';
import { testTime } from '../support/journey-time.ts';
import { newKey, type TestKey } from '../support/x509.ts';

/** A workload without an agent: attests once, renews, is cloned, comes to the end of its session. */
const HOUR = 3_600_000;
const { clock, timers, pass } = testTime();
let journey: Journey;

beforeAll(async () => {
  journey = await Journey.start({ clock, timers });
  await journey.entry('job');
  await journey.entry('other');
  await journey.entry('long', { x509Ttl: 86_400 });
});

afterAll(() => journey.stop());

const renew = (held: Held, key: TestKey): Promise<Answered> =>
  journey.api(held).postJson('/v1/svids/x509', { items: [{ csr: csrOf(key) }] });

const renewed = async (held: Held, key = newKey()): Promise<Held> => {
  const answer = await renew(held, key);
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  return heldFrom((answer.json() as { items: unknown[] }).items[0], key);
};

const code = (answer: Answered): string => `${answer.status} ${String(answer.json()['code'])}`;

test('a join token for an entry gives its identity, for ten minutes', async () => {
  const held = await journey.attest({ entry: 'job' });
  expect(held.spiffeId).toBe('spiffe://example.org/job');
  expect(held.notAfter - held.notBefore).toBe(610); // DEC-14
  const facts = recordedFacts(journey.dataDir).slice(-3);
  expect(facts.map(({ kind }) => kind)).toEqual(['attested', 'decided', 'issued']); // DEC-5
  expect(facts[2]?.fact).toMatchObject({ id: held.serial, role: 'agentless', entry: 'job' });
});

test('the same key may redeem its token again, for a lost reply is no theft', async () => {
  const token = await journey.joinToken({ entry: 'job' });
  const key = newKey();
  const first = await journey.redeem(token, key);
  const again = await journey.redeem(token, key);
  const stranger = await journey.redeem(token, newKey());
  expect([first.status, again.status, code(stranger)]).toEqual([200, 200, '403 attestation_refused']); // DEC-12
  expect(again.json()['serial']).not.toBe(first.json()['serial']);
});

test('a token that has expired, or whose entry is gone, gives nothing', async () => {
  await journey.entry('short');
  const tokens = [await journey.joinToken({ entry: 'short' }), await journey.joinToken({ entry: 'job' })];
  await journey.administer('DELETE', '/v1/admin/entries/short');
  expect(code(await journey.redeem(tokens[0] ?? '', newKey()))).toBe('403 no_identity');
  await pass(601_000);
  expect(code(await journey.redeem(tokens[1] ?? '', newKey()))).toBe('403 attestation_refused');
});

test('renewal: the same new key may ask again, and a predecessor ends when its successor is shown', async () => {
  const held = await journey.attest({ entry: 'job' });
  const kept = journey.api(held);
  expect((await kept.postJson('/v1/svids/jwt', { items: [{ audience: ['db'] }] })).status).toBe(200);
  const key = newKey();
  const lost = await renewed(held, key);
  const next = await renewed(held, key);
  expect(next.serial).not.toBe(lost.serial);
  expect(next.spiffeId).toBe(held.spiffeId);
  const before = journey.size();
  expect((await journey.api(next).postJson('/v1/svids/jwt', { items: [{ audience: ['db'] }] })).status).toBe(200);
  expect(recordedFacts(journey.dataDir, before).map(({ kind }) => kind)).toEqual(['superseded', 'issued']);
  // New connections only: the one on which the predecessor came before goes on (DEC-12).
  const items = { items: [{ audience: ['db'] }] };
  expect(code(await journey.api(held).postJson('/v1/svids/jwt', items))).toBe('401 unauthenticated');
  expect((await kept.postJson('/v1/svids/jwt', items)).status).toBe(200);
  expect(journey.facts('denied').at(-1)).toMatchObject({ code: 'unauthenticated', caller: held.serial });
});

test('another key on the same serial is a clone: renewal stops for the identity until an operator unlocks it', async () => {
  const held = await journey.attest({ entry: 'other' });
  const next = await renewed(held);
  const before = journey.size();
  expect(code(await renew(held, newKey()))).toBe('403 renewal_refused'); // DEC-12
  const kinds = recordedFacts(journey.dataDir, before).map(({ kind }) => kind);
  expect(kinds).toContain('revoked');
  expect(kinds).toContain('denied');
  const [lock] = recordedFacts(journey.dataDir, before).filter(({ kind }) => kind === 'revoked');
  expect(lock?.fact).toMatchObject({ predicates: ['lock'] });
  // The rightful holder does not renew either: nobody can tell who is who.
  expect(code(await renew(next, newKey()))).toBe('403 renewal_refused');
  // What is held goes on until it ends.
  const item = { items: [{ audience: ['db'] }] };
  expect((await journey.api(next).postJson('/v1/svids/jwt', item)).status).toBe(200);
  const path = `/v1/admin/agents/${encodeURIComponent(held.spiffeId)}/unlock`;
  const { released } = await journey.administer<{ released: unknown[] }>('POST', path);
  expect(released).toHaveLength(1);
  await renewed(next);
});

test('of twenty who renew one serial at once, each with a key of its own, one wins', async () => {
  await journey.entry('raced');
  const held = await journey.attest({ entry: 'raced' });
  const answers = await Promise.all(Array.from({ length: 20 }, () => renew(held, newKey())));
  expect(answers.map(code).sort((a, b) => a.localeCompare(b))).toEqual([
    '200 undefined',
    ...Array.from({ length: 19 }, () => '403 renewal_refused'),
  ]);
});

test('the session ends a day after the evidence, and no credential outlives it', async () => {
  await journey.entry('shift', { x509Ttl: 14_400 });
  let held = await journey.attest({ entry: 'shift' });
  const end = Math.floor(clock.now() / 1000) + 86_400;
  for (let hours = 3; hours < 24; hours += 3) {
    await pass(3 * HOUR, 3 * HOUR);
    held = await renewed(held);
    expect(held.notAfter).toBeLessThanOrEqual(end);
  }
  expect(held.notAfter).toBe(end);
  await pass((end + 1) * 1000 - clock.now());
  expect(code(await renew(held, newKey()))).toBe('401 unauthenticated');
});

test('an entry with a life beyond the session is cut to the session', async () => {
  const held = await journey.attest({ entry: 'long' });
  await pass(12 * HOUR, HOUR);
  const next = await renewed(held);
  expect(next.notAfter).toBe(held.notAfter); // DEC-14
  await pass(12 * HOUR, HOUR);
  expect(code(await renew(next, newKey()))).toMatch(/^(401 unauthenticated|403 renewal_refused)$/);
});

test('an agentless identity asks for its own ID only, and never for one that an entry names', async () => {
  const client = journey.api(await journey.attest({ entry: 'job' }));
  for (const entryId of ['job', 'other', 'nowhere']) {
    const x509 = await client.postJson('/v1/svids/x509', { items: [{ csr: csrOf(newKey()), entryId }] });
    const jwt = await client.postJson('/v1/svids/jwt', { items: [{ audience: ['db'], entryId }] });
    expect([code(x509), code(jwt)]).toEqual(['403 forbidden', '403 forbidden']); // DEC-14
  }
});

test('an entry that changed its SPIFFE ID renews nobody', async () => {
  await journey.entry('moving');
  const held = await journey.attest({ entry: 'moving' });
  const entry = { spiffeId: 'spiffe://example.org/moved', selectors: ['test:1'] };
  await journey.administer('PUT', '/v1/admin/entries/moving', entry);
  expect(code(await renew(held, newKey()))).toBe('403 no_identity');
});

test('what came through an agent never asks for SVIDs, not even for itself', async () => {
  const agent = await journey.attest({ agent: 'node' });
  await journey.entry('under', { parentId: agent.spiffeId });
  // A path that looks like an agent's or a server's makes none: the ledger's row decides (DEC-14, DEC-18).
  const reserved = { id: 'x', spiffeId: 'spiffe://example.org/mayfly/agent/join_token/x', selectors: ['a:b'] };
  await expect(journey.administer('POST', '/v1/admin/entries', reserved)).rejects.toMatchObject({
    code: 'invalid_entry',
  });
  const key = newKey();
  const answer = await journey
    .api(agent)
    .postJson('/v1/svids/x509', { items: [{ csr: csrOf(key), entryId: 'under' }] });
  const workload = heldFrom((answer.json() as { items: unknown[] }).items[0], key);
  const client = journey.api(workload);
  const attempts = [
    client.postJson('/v1/svids/x509', { items: [{ csr: csrOf(key) }] }),
    client.postJson('/v1/svids/x509', { items: [{ csr: csrOf(newKey()), entryId: 'under' }] }),
    client.postJson('/v1/svids/jwt', { items: [{ audience: ['db'] }] }),
    client.postJson('/v1/svids/jwt', { items: [{ audience: ['db'], entryId: 'under' }] }),
  ];
  for (const attempt of await Promise.all(attempts)) expect(code(attempt)).toBe('403 forbidden');
  expect(journey.facts('issued').filter(({ spiffeId }) => spiffeId === workload.spiffeId)).toHaveLength(1);
});

test('an agent renews itself for as long as nobody stops it, and its clone is noticed alike', async () => {
  const agent = await journey.attest({ agent: 'renewing' });
  await pass(12 * HOUR, HOUR);
  const next = await renewed(agent);
  expect(next.spiffeId).toBe(agent.spiffeId);
  expect(next.notAfter - agent.notAfter).toBe(12 * 3600);
  expect(code(await renew(agent, newKey()))).toBe('403 renewal_refused');
  const shown = await journey.administer('GET', `/v1/admin/agents/${encodeURIComponent(agent.spiffeId)}`);
  expect(shown['locked']).toBeDefined();
});
