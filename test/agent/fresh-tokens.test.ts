import { decodeJwt } from 'jose';
import { FreshTokens } from '../../src/agent/fresh-tokens.ts';
import { InForce } from '../../src/agent/in-force.ts';
import { SyncedView } from '../../src/agent/synced-view.ts';
import { TrustBundles } from '../../src/agent/trust-bundles.ts';
import { Refusal } from '../../src/domain/refusal.ts';
import type { SyncEntry } from '../../src/formats/sync-message.ts';
import type { AgentServer } from '../../src/ports/agent-server.ts';
import { runAuthorityOperation } from '../../src/usecases/manage-authorities.ts';
import { FORCED } from '../support/authorities.ts';
import { startAgentWorld, type AgentWorld } from '../support/agent-world.ts';
import { eventually, manualTime, type ManualTime } from '../support/manual-time.ts';
import { codeOf } from '../support/refusals.ts';

/** Real issuance over a real ledger; time passes when told. */

let world: AgentWorld;
let time: ManualTime;

const newTokens = (options: { maxHeld?: number; server?: Pick<AgentServer, 'jwtSvids'> } = {}) => {
  const view = new SyncedView();
  const { clock, delays } = time;
  const agent = () => world.agent;
  let came = 0;
  const tokens = new FreshTokens({
    view,
    inForce: new InForce(view, clock, agent),
    bundles: new TrustBundles(),
    server: options.server ?? world.server,
    clock,
    delays,
    agent,
    maxHeld: options.maxHeld ?? 100,
    changed: () => {
      came += 1;
    },
  });
  const sync = (): void => {
    const { parts, cursor } = world.state();
    view.begin(true);
    for (const part of parts) view.tell(part);
    view.commit(cursor);
    tokens.update();
  };
  const entry = (id: string): SyncEntry => {
    const found = view.entries.get(id);
    if (!found) throw new Error(`no entry ${id}`);
    return found;
  };
  sync();
  return { view, tokens, sync, entry, came: () => came };
};

const turns = async (count = 50): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((go) => setImmediate(go));
};

let names = 0;
const fresh = (): string => `t${(names += 1)}`;

beforeAll(async () => {
  world = await startAgentWorld();
});
beforeEach(() => {
  time = manualTime(world.it.ledger.clock);
});
afterEach(async () => {
  world.outage = undefined;
  world.calls.jwt.length = 0;
  for (const { id } of world.it.ledger.views.entries.under(world.agent)) await world.remove(id);
});
afterAll(() => world.close());

test('a token is asked for once, however many want it at a time, and then served from memory', async () => {
  const id = fresh();
  await world.entry(id, { jwtTtl: 300 });
  const { tokens, entry, came } = newTokens();
  const wanted = await Promise.all(Array.from({ length: 20 }, () => tokens.token(entry(id), ['db'])));
  expect(new Set(wanted.map(({ token }) => token)).size).toBe(1);
  expect(decodeJwt(wanted[0]?.token ?? '')).toMatchObject({ sub: `spiffe://example.org/${id}`, aud: ['db'] });
  time.pass(149_000);
  expect((await tokens.token(entry(id), ['db'])).token).toBe(wanted[0]?.token);
  expect(world.calls.jwt).toEqual([1]);
  expect(came()).toBe(1);
});

test('tokens for several entries and audiences are asked for in one call; the order of audiences says nothing', async () => {
  const [one, two] = [fresh(), fresh()];
  await world.entry(one);
  await world.entry(two);
  const { tokens, entry } = newTokens();
  const all = await Promise.all([
    tokens.token(entry(one), ['a', 'b']),
    tokens.token(entry(one), ['b', 'a']),
    tokens.token(entry(one), ['a']),
    tokens.token(entry(two), ['a']),
  ]);
  expect(world.calls.jwt).toEqual([3]);
  expect(all[0]).toBe(all[1]);
  expect(new Set(all.map(({ token }) => token)).size).toBe(3);
});

test('past half of its life it is served at once and renewed in the background', async () => {
  const id = fresh();
  await world.entry(id, { jwtTtl: 300 });
  const { tokens, entry } = newTokens();
  const first = await tokens.token(entry(id), ['db']);
  time.pass(160_000);
  expect(await tokens.token(entry(id), ['db'])).toBe(first);
  await eventually(() => tokens.all().some(({ token }) => token !== first.token));
  expect((await tokens.token(entry(id), ['db'])).token).not.toBe(first.token);
  expect(world.calls.jwt).toEqual([1, 1]);
});

test('at the end of its life the caller waits for the new one', async () => {
  const id = fresh();
  await world.entry(id, { jwtTtl: 300 });
  const { tokens, entry } = newTokens();
  const first = await tokens.token(entry(id), ['db']);
  time.pass(280_000);
  expect((await tokens.token(entry(id), ['db'])).token).not.toBe(first.token);
});

test('when the server is away it serves while it is good, and is unavailable from its end on', async () => {
  const id = fresh();
  await world.entry(id, { jwtTtl: 300 });
  const { tokens, entry } = newTokens();
  const first = await tokens.token(entry(id), ['db']);
  world.outage = new Refusal('unavailable', 'no server');
  for (const seconds of [160, 100, 30, 9]) {
    time.pass(seconds * 1000);
    expect(await tokens.token(entry(id), ['db'])).toBe(first);
    await turns();
  }
  time.pass(2000);
  expect(await codeOf(tokens.token(entry(id), ['db']))).toBe('unavailable');
  // It is not asked again by everyone who comes.
  const before = world.calls.jwt.length;
  expect(await codeOf(tokens.token(entry(id), ['db']))).toBe('unavailable');
  expect(world.calls.jwt).toHaveLength(before);
  world.outage = undefined;
  time.pass(1000);
  expect((await tokens.token(entry(id), ['db'])).token).not.toBe(first.token);
});

test('a server that is slow to answer does not keep a good token from its caller', async () => {
  const id = fresh();
  await world.entry(id, { jwtTtl: 300 });
  let isSlow = false;
  const server: Pick<AgentServer, 'jwtSvids'> = {
    jwtSvids: (items) => (isSlow ? new Promise(() => undefined) : world.server.jwtSvids(items)),
  };
  const { tokens, entry } = newTokens({ server });
  const first = await tokens.token(entry(id), ['db']);
  isSlow = true;
  time.pass(280_000);
  const wanted = tokens.token(entry(id), ['db']);
  await turns(5);
  time.pass(1000);
  expect(await wanted).toBe(first);
});

test.each([
  ['identity', (id: string) => ({ kind: 'identity', value: `spiffe://example.org/${id}` }) as const],
  ['entry', (id: string) => ({ kind: 'entry', value: id }) as const],
])('revoked by %s it is never served again', async (_kind, target) => {
  const id = fresh();
  await world.entry(id);
  const { tokens, entry, sync } = newTokens();
  const first = await tokens.token(entry(id), ['db']);
  await world.revoke(target(id), 'cutoff', 'block');
  sync();
  expect(tokens.all()).toEqual([]);
  expect(await codeOf(tokens.token(entry(id), ['db']))).toBe('no_identity');
  expect(first.token).toBeDefined();
});

test('revoked by its jti another one takes its place', async () => {
  const id = fresh();
  await world.entry(id);
  const { tokens, entry, sync } = newTokens();
  const first = await tokens.token(entry(id), ['db']);
  await world.revoke({ kind: 'credential', value: first.credential }, 'cutoff');
  sync();
  expect((await tokens.token(entry(id), ['db'])).credential).not.toBe(first.credential);
});

test('one that came after its identity was cut off in flight is not taken', async () => {
  const id = fresh();
  await world.entry(id);
  const { promise, resolve } = Promise.withResolvers<void>();
  let isAnswered = false;
  const server: Pick<AgentServer, 'jwtSvids'> = {
    jwtSvids: async (items) => {
      const answers = await world.server.jwtSvids(items);
      isAnswered = true;
      await promise;
      return answers;
    },
  };
  const { tokens, entry, sync } = newTokens({ server });
  const wanted = tokens.token(entry(id), ['db']);
  const code = codeOf(wanted);
  await eventually(() => isAnswered);
  await world.revoke({ kind: 'entry', value: id }, 'cutoff', 'block');
  sync();
  resolve();
  expect(await code).toBe('unavailable');
  expect(tokens.all()).toEqual([]);
});

test('what the entry does not allow is refused with the decision on record, and not asked for by every call', async () => {
  const id = fresh();
  await world.entry(id, { jwtAudiences: ['db'] });
  const { tokens, entry } = newTokens();
  const error: unknown = await tokens.token(entry(id), ['web']).catch((thrown: unknown) => thrown);
  const denied = world.it.lastDenial();
  expect(error).toMatchObject({ code: 'no_identity', decisionId: denied?.id });
  expect((error as Error).message).toContain('no identity issued');
  expect(await codeOf(tokens.token(entry(id), ['web']))).toBe('no_identity');
  expect(world.calls.jwt).toEqual([1]);
  expect((await tokens.token(entry(id), ['db'])).token).toBeDefined();
  time.pass(5000);
  expect(await codeOf(tokens.token(entry(id), ['web']))).toBe('no_identity');
  expect(world.calls.jwt).toEqual([1, 1, 1]);
});

test('an entry that changed is asked about before an old token is given', async () => {
  const id = fresh();
  const entryNow = await world.entry(id);
  const { tokens, entry, sync } = newTokens();
  await tokens.token(entry(id), ['db']);
  await world.entry(id, { ...entryNow, revision: 2, jwtAudiences: ['web'] });
  sync();
  expect(await codeOf(tokens.token(entry(id), ['db']))).toBe('no_identity');
  expect(tokens.all()).toEqual([]);
});

test('a token of a tainted key is replaced, one of a key that is gone is not served', async () => {
  const id = fresh();
  await world.entry(id);
  const { tokens, entry, sync } = newTokens();
  const first = await tokens.token(entry(id), ['db']);
  await runAuthorityOperation(world.it.keeper, { kind: 'taint', id: first.kid }, FORCED);
  sync();
  const second = await tokens.token(entry(id), ['db']);
  expect(second.kid).not.toBe(first.kid);
  world.outage = new Refusal('unavailable', 'no server');
  await runAuthorityOperation(world.it.keeper, { kind: 'revoke', id: second.kid }, FORCED);
  sync();
  expect(await codeOf(tokens.token(entry(id), ['db']))).toBe('unavailable');
});

test('only so many are kept: those used longest ago go', async () => {
  const id = fresh();
  await world.entry(id);
  const { tokens, entry } = newTokens({ maxHeld: 2 });
  await tokens.token(entry(id), ['a']);
  await tokens.token(entry(id), ['b']);
  await tokens.token(entry(id), ['a']);
  await tokens.token(entry(id), ['c']);
  expect(world.calls.jwt).toEqual([1, 1, 1]);
  await tokens.token(entry(id), ['a']);
  expect(world.calls.jwt).toEqual([1, 1, 1]);
  await tokens.token(entry(id), ['b']);
  expect(world.calls.jwt).toEqual([1, 1, 1, 1]);
  expect(tokens.all()).toHaveLength(2);
});

test('too many audiences are the caller’s mistake', async () => {
  const id = fresh();
  await world.entry(id);
  const { tokens, entry } = newTokens();
  const audience = Array.from({ length: 33 }, (_, at) => `a${at}`);
  expect(await codeOf(tokens.token(entry(id), audience))).toBe('invalid_request');
});

test('nothing is left once everything is dropped, and those that wait are told', async () => {
  const id = fresh();
  await world.entry(id);
  const { tokens, entry, view } = newTokens();
  const known = entry(id);
  await tokens.token(known, ['db']);
  const wanted = tokens.token(known, ['web']);
  const code = codeOf(wanted);
  view.forget();
  tokens.clear();
  expect(await code).toBe('unavailable');
  expect(tokens.all()).toEqual([]);
});
