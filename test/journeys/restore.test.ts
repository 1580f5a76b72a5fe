import { checkDataDir } from '../../src/adapters/sqlite/check-ledger.ts';
import { acceptRestore, planAcceptance, type Accepted } from '../../src/compose/accept-restore.ts';
import { checkStore } from '../../src/compose/check-store.ts';
import type { Answered } from '../support/http.ts';
import { type Held, type Journey, readLedger, recordedFacts } from '../support/journey.ts';
import { greet, type Head, headOf, renew, RestoreWorld } from '../support/restore-world.ts';
import { newKey } from '../support/x509.ts';

/**
 * DEC-10, DEC-11: a folder goes back to an older copy of itself, the head file with it. The server cannot know; its agents do.
 * Each test goes on from the one before.
 */
const world = new RestoreWorld();
let server: Journey;
/** An agent as the copy knows it, and as it is when the copy comes back. */
let then: Held;
let now: Held;
let early: Head;
let newest: Head;
/** An agent that the copy has never heard of. */
let unheard: Held;
/** One whose entry was revoked after the copy was made. */
let workload: Held;
let afterRevocation: Answered;
/** Tokens that are open in the copy: one was redeemed afterwards, one never was. */
let redeemed: string;
let open: string;
let lost: readonly string[];
let accepted: Accepted;

beforeAll(async () => {
  server = await world.start();
  await server.entry('web');
  then = await server.attest({ agent: true });
  early = headOf(await greet(server, then));
  redeemed = await server.joinToken({ agent: true });
  open = await server.joinToken({ entry: 'web' });
  workload = await server.attest({ entry: 'web' });
  await server.stop();
  world.copy('data', 'copy');
  const { size } = readLedger(world.at('copy'), ({ log }) => log.head());

  server = await world.start();
  now = (await renew(server, then)).renewed ?? then;
  await server.redeem(redeemed, newKey());
  unheard = await server.attest({ agent: true });
  await server.revoke({ kind: 'entry', value: 'web' });
  afterRevocation = (await renew(server, workload)).answer;
  for (let more = 0; more < 30; more += 1) await server.joinToken({ agent: true });
  newest = headOf(await greet(server, now, early));
  lost = recordedFacts(server.dataDir, size).map(({ leafHash }) => leafHash);
  await server.stop();
  world.copy('copy', 'data');
});

afterAll(() => world.end());

const authorities = () => readLedger(server.dataDir, (views) => views.authorities.list());

test('the copy starts like any store: nothing in the folder remembers more', async () => {
  server = await world.start();
  expect(server.server.readOnly).toBeUndefined();
  expect(server.log.lines.filter(({ message }) => message.includes('head file'))).toEqual([]);
  expect(server.size()).toBeGreaterThan(early.size);
});

test.each([
  ['an agent that knows less', () => early],
  ['a head with a size of its own', () => ({ ...newest, size: newest.size + 1000 })],
  ['a head with an epoch of its own', () => ({ ...newest, epoch: 2 })],
  ['a head with a code of its own', () => ({ ...newest, mac: '0'.repeat(64) })],
  ['a head that names another agent', () => ({ ...newest, agent: 'spiffe://example.org/mayfly/agent/x' })],
])('%s does not stop the server', async (_what, head) => {
  const answer = await greet(server, then, head());
  expect(answer.status).toBe(200);
  expect(answer.json()['resync']).toBe(head() !== early);
  expect((await greet(server, undefined, head())).status).toBe(401);
  await expect(server.joinToken({ agent: true })).resolves.toEqual(expect.any(String));
});

test('a workload is given no head', async () => {
  const answer = await greet(server, workload);
  expect([answer.status, answer.json()['code']]).toEqual([403, 'forbidden']);
});

test('the first agent that knows more stops all writing, and is named', async () => {
  // Its certificate is not on record here: only what it remembers speaks for it.
  expect((await greet(server, unheard)).status).toBe(401);
  const answer = await greet(server, unheard, newest);
  expect(answer.status).toBe(503);
  expect(answer.headers['retry-after']).toBe('30');
  expect(answer.json()).toMatchObject({
    code: 'read_only',
    detail: expect.stringContaining(
      `the agent ${newest.agent} knows more than the store: epoch 1, size ${newest.size}`,
    ),
  });
});

test('nothing is recorded any more, and what only reads goes on', async () => {
  const size = server.size();
  const api = server.api(workload, { fresh: true });
  for (const refused of [
    (await renew(server, workload)).answer,
    (await renew(server, then)).answer,
    await server.redeem(open, newKey()),
    await api.postJson('/v1/svids/jwt', { items: [{ audience: ['a'] }] }),
  ]) {
    expect([refused.status, refused.json()['code']]).toEqual([503, 'read_only']);
  }
  await expect(server.entry('late')).rejects.toMatchObject({ code: 'read_only' });
  await expect(server.revoke({ kind: 'entry', value: 'web' })).rejects.toMatchObject({ code: 'read_only' });
  expect((await server.public().ask('/bundle')).status).toBe(200);
  expect((await server.public().ask('/keys')).status).toBe(200);
  expect((await api.postJson('/v1/validate', { credential: workload.cert })).json()['status']).toBe('valid');
  const explained = await server.administer('GET', `/v1/admin/explain/${workload.serial}`);
  expect(explained).toMatchObject({ id: workload.serial });
  const ready = await server.public().ask('/readyz');
  expect([ready.status, ready.text]).toEqual([503, expect.stringContaining('knows more than the store')]);
  expect(server.size()).toBe(size);
});

test('it stays so over a restart, and the check of the server says it', async () => {
  await server.stop();
  await expect(checkStore(world.config('data'))).rejects.toThrow(/takes no writes here: the agent .* knows more/);
  server = await world.start();
  expect(server.server.readOnly).toContain('knows more than the store');
  // With the identity that it had before: it can issue itself none.
  expect((await server.public().ask('/bundle')).status).toBe(200);
  const asked = await server.api(workload).postJson('/v1/validate', { credential: workload.cert });
  expect(asked.json()['status']).toBe('valid');
  await expect(server.entry('late')).rejects.toMatchObject({ code: 'read_only' });
  await expect(acceptRestore({ config: world.config('data'), by: 'uid:0' })).rejects.toThrow(
    'another Mayfly server is running',
  );
});

test('an operator sees what accepting does before it is done', async () => {
  await server.stop();
  const size = server.size();
  const plan = await planAcceptance({ config: world.config('data'), by: 'uid:0' });
  expect(plan).toMatchObject({ epoch: 1, size, reason: expect.stringContaining('knows more') });
  expect(plan.tainted.map(({ purpose }) => purpose).sort()).toEqual([
    'access-token',
    'jwt-svid',
    'x509-issuing',
    'x509-root',
  ]);
  expect(server.size()).toBe(size);
});

test('accepting opens an epoch that goes on from the tree, with spares in the place of the keys that signed', async () => {
  const before = authorities();
  const spares = before.filter(({ state }) => state === 'prepared').map(({ id }) => id);
  const size = server.size();
  accepted = await acceptRestore({ config: world.config('data'), by: 'uid:0' });
  expect(accepted.trouble).toBeUndefined();
  expect(accepted.newEpoch).toBeGreaterThan(1_700_000_000);
  expect(accepted.activated.map(({ id }) => id)).toEqual(expect.arrayContaining(spares));
  const [opened, ...rest] = recordedFacts(server.dataDir, size);
  expect(opened?.cursor).toEqual({ epoch: accepted.newEpoch, index: size });
  expect(opened?.fact).toMatchObject({
    kind: 'epoch-opened',
    previous: { epoch: 1, size },
    reason: expect.stringContaining('knows more'),
    by: 'uid:0',
  });
  expect(rest.slice(0, 4).every(({ kind }) => kind === 'authority-tainted')).toBe(true);
  for (const { id, tainted, state } of authorities()) {
    const was = before.find((each) => each.id === id);
    if (was?.state === 'active') expect([tainted, state]).toEqual([true, 'old']);
    else expect(tainted).toBe(false);
  }
  expect(checkDataDir(server.dataDir).problems).toEqual([]);
  await expect(planAcceptance({ config: world.config('data'), by: 'uid:0' })).rejects.toMatchObject({
    code: 'conflict',
  });
});

test('agents are told to resync, and their heads from the lost past stop nothing', async () => {
  server = await world.start();
  expect(server.server.readOnly).toBeUndefined();
  for (const head of [newest, early]) {
    const answer = await greet(server, then, head);
    expect(answer.json()).toMatchObject({ resync: true, head: { epoch: accepted.newEpoch } });
  }
  const again = await greet(server, then, headOf(await greet(server, then, newest)));
  expect(again.json()['resync']).toBe(false);
});

test('join tokens that were open are void, redeemed or not', async () => {
  for (const token of [redeemed, open]) {
    const answer = await server.redeem(token, newKey());
    expect([answer.status, answer.json()['code']]).toEqual([403, 'attestation_refused']);
  }
  expect((await server.attest({ agent: true })).index).toBeGreaterThan(0);
});

test('what was issued in the lost past is unknown here, and opens nothing', async () => {
  const ops = await server.administer('POST', '/v1/admin/validate', { credential: now.cert });
  expect(ops['status']).toBe('unknown');
  for (const holder of [now, unheard]) expect((await greet(server, holder)).status).toBe(401);
});

test('what is on record goes on, under new keys and with new numbers', async () => {
  const { renewed } = await renew(server, then);
  expect(renewed?.index).toBeGreaterThan(accepted.size);
  const root = authorities().find(({ purpose, state }) => purpose === 'x509-root' && state === 'active');
  expect(root?.preparedAt).toBeLessThan(root?.activatedAt ?? 0);
  const issuing = renewed?.chain[1]?.toString('base64');
  expect(authorities().find(({ certificate }) => certificate === issuing)).toMatchObject({
    issuer: root?.id,
    tainted: false,
  });
  // P3, P4: the places that were lost are taken again, but in another epoch; no record comes twice.
  const facts = recordedFacts(server.dataDir);
  expect(facts.filter(({ leafHash }) => lost.includes(leafHash))).toEqual([]);
  const issued = facts.filter(({ kind }) => kind === 'issued').map(({ clear }) => clear['id']);
  expect(new Set(issued).size).toBe(issued.length);
  expect(issued).not.toContain(now.serial);
  expect(facts.filter(({ cursor }) => cursor.index >= accepted.size).every(({ cursor }) => cursor.epoch > 1)).toBe(
    true,
  );
  expect(facts.filter(({ cursor }) => cursor.index < accepted.size).every(({ cursor }) => cursor.epoch === 1)).toBe(
    true,
  );
});

test('a revocation from the lost part is lost with it, until it is made again', async () => {
  const unauthenticated = [401, 'unauthenticated'];
  expect([afterRevocation.status, afterRevocation.json()['code']]).toEqual(unauthenticated);
  const { answer, renewed = workload } = await renew(server, workload);
  expect(answer.status).toBe(200);
  await server.revoke({ kind: 'entry', value: 'web' });
  for (const holder of [workload, renewed]) {
    const refused = (await renew(server, holder)).answer;
    expect([refused.status, refused.json()['code']]).toEqual(unauthenticated);
  }
});

test('of two copies that run at once, the one that an agent comes to second stops', async () => {
  const holder = await server.attest({ agent: true });
  await server.stop();
  world.copy('data', 'clone');
  server = await world.start();
  const clone = await world.start('clone');
  const head = headOf(await greet(server, holder));
  while (clone.size() < head.size) await clone.joinToken({ agent: true });
  const answer = await greet(clone, holder, head);
  expect(answer.json()).toMatchObject({
    code: 'read_only',
    detail: expect.stringContaining(`the store and the agent ${holder.spiffeId} hold different logs`),
  });
  expect((await greet(server, holder, head)).json()['resync']).toBe(false);
  await expect(server.joinToken({ agent: true })).resolves.toEqual(expect.any(String));
});
