import type { HoldingsCache } from '../../src/ports/holdings-cache.ts';
import { Refusal } from '../../src/domain/refusal.ts';
import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import {
  agentForEachTest,
  freshId,
  pathsOf,
  startHoldings,
  turns,
  type TestHoldings,
} from '../support/agent-holdings.ts';
import type { AgentWorld } from '../support/agent-world.ts';
import { eventually, type ManualTime } from '../support/manual-time.ts';
import { codeOf } from '../support/refusals.ts';

/** An agent's own restart while the server is away. */

let world: AgentWorld;
let time: ManualTime;
let agent: TestHoldings;
agentForEachTest((...all) => {
  [world, time] = all;
  agent = startHoldings(world, time, { cache });
  saves = 0;
  kept = undefined;
});
afterEach(() => agent.holdings.stop());

const UID = 'unix:uid:1000';
let kept: Buffer | undefined;
let saves = 0;
let isFull = false;

/** What a file is, without the seal. */
const cache: HoldingsCache = {
  load: async () => (kept ? new Uint8Array(kept) : undefined),
  save: async (plain) => {
    if (isFull) throw new Error('no room');
    kept = Buffer.from(plain);
    saves += 1;
  },
  clear: async () => {
    kept = undefined;
  },
};

/** Another process: it knows nothing but the cache. */
const restart = async (options: { identity?: SpiffeId | null } = {}): Promise<TestHoldings> => {
  await agent.holdings.stop();
  agent = startHoldings(world, time, { cache }, options.identity);
  await agent.holdings.restore();
  return agent;
};

const OUTAGE = new Refusal('unavailable', 'no server');

test('it serves again, with the same SVIDs, tokens and order, though the server is away', async () => {
  const [one, two] = [freshId(), freshId()];
  await world.entry(one, { createdAt: 1 as never, hint: 'first' });
  await world.entry(two, { createdAt: 2 as never });
  agent.sync();
  const { session } = agent.open(UID);
  const state = await session.state();
  const tokens = await session.jwtSvids(['db'], undefined);
  const place = agent.holdings.held();
  world.outage = OUTAGE;
  const again = await restart();
  const after = await again.open(UID).session.state();
  expect(pathsOf(after)).toEqual([one, two]);
  expect(
    after.svids.map(({ chain, key, hint, notAfter }) => [
      chain.map((der) => Buffer.from(der)),
      Buffer.from(key),
      hint,
      notAfter,
    ]),
  ).toEqual(
    state.svids.map(({ chain, key, hint, notAfter }) => [
      chain.map((der) => Buffer.from(der)),
      Buffer.from(key),
      hint,
      notAfter,
    ]),
  );
  expect(after.bundle.jwtKeySet).toBe(state.bundle.jwtKeySet);
  expect(await again.open(UID).session.jwtSvids(['db'], undefined)).toEqual(tokens);
  // And the feed goes on from there.
  expect(again.holdings.held()).toEqual(place);
});

test('a revocation before the restart stands after it, and one that comes later finds what was kept', async () => {
  const [one, two] = [freshId(), freshId()];
  await world.entry(one);
  await world.entry(two);
  agent.sync();
  await agent.open(UID).session.state();
  await world.revoke({ kind: 'entry', value: one }, 'cutoff', 'block');
  agent.sync();
  world.outage = OUTAGE;
  const again = await restart();
  const { session } = again.open(UID);
  expect(pathsOf(await session.state())).toEqual([two]);
  await world.revoke({ kind: 'identity', value: `spiffe://example.org/${two}` }, 'cutoff', 'block');
  again.sync();
  expect(await codeOf(session.state())).toBe('no_identity');
});

test('all of it counts no longer than the agent may be offline, however often it restarts', async () => {
  await world.entry(freshId(), { x509Ttl: 86_400 });
  agent.sync();
  await agent.open(UID).session.state();
  world.outage = OUTAGE;
  for (let hour = 0; hour < 3; hour += 1) {
    time.pass(1_190_000);
    await (await restart()).open(UID).session.state();
  }
  time.pass(31_000);
  const again = await restart();
  expect(await codeOf(again.open(UID).session.state())).toBe('unavailable');
  expect(again.holdings.held()).toBeUndefined();
});

test('a clock that was set back buys no time', async () => {
  await world.entry(freshId());
  agent.sync();
  await agent.open(UID).session.state();
  world.outage = OUTAGE;
  time.clock.step(-120_000);
  const again = await restart();
  time.clock.step(120_000);
  expect(again.holdings.held()).toBeUndefined();
});

test.each([
  ['of another agent', 'spiffe://example.org/mayfly/agent/join_token/other' as SpiffeId, false],
  ['of an agent that has no identity just now', null, true],
])('what is kept %s: used is %s', async (_what, identity, isUsed) => {
  await world.entry(freshId());
  agent.sync();
  await agent.open(UID).session.state();
  const again = await restart({ identity });
  expect(again.holdings.held() !== undefined).toBe(isUsed);
});

test.each([
  ['no JSON', 'garbage'],
  ['of a later version', '{"version":2}'],
  ['of nothing', '{"version":1}'],
])('what is %s is left alone', async (_what, text) => {
  await world.entry(freshId());
  await agent.holdings.stop();
  kept = Buffer.from(text);
  const again = await restart();
  expect(again.holdings.held()).toBeUndefined();
  again.sync();
  await again.open(UID).session.state();
});

test('a banned agent keeps nothing', async () => {
  await world.entry(freshId());
  agent.sync();
  await agent.open(UID).session.state();
  time.pass(5000);
  await eventually(() => kept !== undefined);
  void agent.holdings.forgetAll();
  await agent.holdings.stop();
  expect(kept).toBeUndefined();
});

test('changes are saved together; heartbeats only now and then', async () => {
  for (let count = 0; count < 5; count += 1) await world.entry(freshId());
  agent.sync();
  await agent.open(UID).session.state();
  time.pass(10_000);
  await turns();
  const after = saves;
  expect(after).toBeGreaterThan(0);
  expect(after).toBeLessThan(3);
  for (let beat = 0; beat < 100; beat += 1) {
    time.pass(5000);
    agent.holdings.heard();
    await turns(1);
  }
  // 500 s of 3,600 s, of which 180 s may be late.
  expect(saves - after).toBeGreaterThan(1);
  expect(saves - after).toBeLessThan(4);
});

test('a disk that fails stops nothing', async () => {
  await world.entry(freshId());
  await agent.holdings.stop();
  agent = startHoldings(world, time, {
    cache: { ...cache, save: () => Promise.reject(new Error('no space left')) },
  });
  agent.sync();
  await agent.open(UID).session.state();
  time.pass(10_000);
  await turns();
  await agent.open(UID).session.state();
  await agent.holdings.stop();
  expect(kept).toBeUndefined();
});

// DEC-35: what is acknowledged holds after a restart, too
test('a revocation is kept before it is acknowledged', async () => {
  const id = freshId();
  await world.entry(id);
  agent.sync();
  await agent.open(UID).session.state();
  time.pass(5000);
  await eventually(() => saves === 1);
  await world.revoke({ kind: 'identity', value: `spiffe://example.org/${id}` }, 'cutoff', 'block');
  agent.sync();
  // No time has passed.
  await eventually(() => saves === 2);
  const killed = kept;
  world.outage = OUTAGE;
  await agent.holdings.stop();
  kept = killed;
  agent = startHoldings(world, time, { cache });
  await agent.holdings.restore();
  expect(await codeOf(agent.open(UID).session.state())).toBe('no_identity');
});

test('a revocation that cannot be kept takes away what was kept before', async () => {
  await world.entry(freshId());
  agent.sync();
  await agent.open(UID).session.state();
  time.pass(5000);
  await eventually(() => saves === 1);
  isFull = true;
  await world.revoke({ kind: 'entry', value: 'another' }, 'cutoff', 'block');
  agent.sync();
  await eventually(() => kept === undefined);
  isFull = false;
  expect(kept).toBeUndefined();
});
