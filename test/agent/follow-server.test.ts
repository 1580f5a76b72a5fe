import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { systemTimers } from '../../src/adapters/system/timers.ts';
import { ServerFollower } from '../../src/agent/follow-server.ts';
import type { Cursor } from '../../src/domain/cursor.ts';
import { hurried, noting } from '../support/agent-feed.ts';
import { newStatePath } from '../support/agent-folder.ts';
import { keepingLogger } from '../support/http.ts';
import { Journey, type JourneyOptions } from '../support/journey.ts';
import { testTime } from '../support/journey-time.ts';
import { testEntropy } from '../support/ledger.ts';
import { eventually } from '../support/manual-time.ts';
import { journeyAnchor, startAgent, type TestAgent, tokenFor } from '../support/own-agent.ts';

/** An agent follows a real server. */
const cleanUp: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const each of cleanUp.splice(0).reverse()) await each();
});

const newPath = (): string => {
  const { path } = newStatePath();
  cleanUp.push(() => rmSync(dirname(path), { recursive: true, force: true }));
  return path;
};

const follow = (agent: TestAgent, start?: Cursor) => {
  const time = hurried();
  const note = noting(start);
  const logger = keepingLogger();
  const { server, state, trust, keeper: identity } = agent;
  const parts = {
    server,
    identity,
    state,
    trust,
    sink: note.sink,
    clock: systemClock,
    delays: time.delays,
    entropy: testEntropy,
  };
  const follower = new ServerFollower({ ...parts, logger });
  const abort = new AbortController();
  const done = follower.run(abort.signal);
  const stop = async (): Promise<void> => {
    abort.abort();
    await done;
  };
  cleanUp.push(stop);
  return { follower, stop, logger, ...time, ...note };
};

let journey: Journey;

beforeAll(async () => {
  journey = await Journey.start();
});

afterAll(() => journey.stop());

const start = async (name: string, path = newPath()): Promise<TestAgent> => {
  const agent = startAgent({
    path,
    clock: systemClock,
    timers: systemTimers,
    urls: [new URL(journey.server.ready.api)],
    anchor: journeyAnchor(journey),
    evidence: await tokenFor(journey, name),
  });
  cleanUp.push(() => agent.stop());
  agent.keeper.start();
  await agent.keeper.step();
  return agent;
};

const idOf = (name: string): string => `spiffe://example.org/mayfly/agent/join_token/${name}`;

test('everything is told first, then what changes, and the state is kept for a restart', async () => {
  const agent = await start('one');
  await journey.entry('a1', { parentId: idOf('one') });
  const { told, follower, held } = follow(agent);
  await eventually(() => told.includes('commit'));
  expect(told[0]).toMatch(/^lives \d+$/);
  expect(told.slice(1, 2)).toEqual(['reset']);
  expect(told).toEqual(expect.arrayContaining(['+a1', 'bundle']));
  expect([follower.isCurrent(), typeof follower.lastHeard()]).toEqual([true, 'number']);
  expect(agent.state.trust()?.x509Authorities).toHaveLength(2); // DEC-22
  expect(JSON.parse(agent.state.head() ?? '')).toMatchObject({ agent: idOf('one') }); // DEC-11
  const before = told.length;
  await journey.entry('a2', { parentId: idOf('one') });
  await eventually(() => told.includes('+a2') && told.at(-1) === 'commit');
  expect(told.slice(before)).not.toContain('reset');
  expect(held()?.index).toBeGreaterThan(0);
});

test('from a place that is held only the rest is told', async () => {
  const agent = await start('two');
  await journey.entry('b1', { parentId: idOf('two') });
  const first = follow(agent);
  await eventually(() => first.told.includes('commit'));
  await first.stop();
  await journey.entry('b2', { parentId: idOf('two') });
  const second = follow(agent, first.held());
  await eventually(() => second.told.includes('+b2') && second.told.at(-1) === 'commit');
  expect(second.told).not.toContain('reset');
  expect(second.told).not.toContain('+b1');
});

test('a place of an epoch that is not this one is no place', async () => {
  const agent = await start('epoch');
  const { told } = follow(agent, { epoch: 1_794_767_400, index: 3 });
  await eventually(() => told.includes('commit'));
  expect(told).toContain('reset');
});

test('a resync tells everything again, on the same connection', async () => {
  const agent = await start('three');
  const { told, resync, pauses } = follow(agent);
  await eventually(() => told.includes('commit'));
  resync();
  await eventually(() => told.filter((each) => each === 'reset').length === 2 && told.at(-1) === 'commit');
  expect(pauses).toEqual([]);
});

test.each(['ban', 'evict'] as const)('%s: the agent hears it and forgets everything', async (what) => {
  const agent = await start(what);
  const { told, follower } = follow(agent);
  await eventually(() => told.includes('commit'));
  await journey.administer('POST', `/v1/admin/agents/${encodeURIComponent(idOf(what))}/${what}`, { confirm: true });
  await eventually(() => agent.heard.includes('void') && agent.keeper.status().problem !== undefined);
  expect(agent.keeper.current()).toBeUndefined();
  expect(agent.state.svid()).toBeUndefined();
  await eventually(() => ['banned', 'unproven'].includes(agent.keeper.status().state));
  expect(follower.isCurrent()).toBe(false);
});

test('an agent that was evicted while it was away finds out, too', async () => {
  const path = newPath();
  const agent = await start('away', path);
  await journey.administer('POST', `/v1/admin/agents/${encodeURIComponent(idOf('away'))}/evict`, { confirm: true });
  follow(agent);
  await eventually(() => agent.heard.includes('void'));
  expect(agent.keeper.current()).toBeUndefined();
});

test('a successor takes over, and the feed goes on from where it was', async () => {
  const agent = await start('successor');
  const { told } = follow(agent);
  await eventually(() => told.includes('commit'));
  const before = agent.keeper.current();
  agent.keeper.renewNow();
  await eventually(() => agent.keeper.current() !== before);
  await agent.server.hello(agent.state.head());
  await eventually(() => told.filter((each) => each.startsWith('lives')).length === 2);
  await journey.entry('s1', { parentId: idOf('successor') });
  await eventually(() => told.includes('+s1'));
  expect(told.filter((each) => each === 'reset')).toHaveLength(1);
  expect(agent.heard).not.toContain('void');
});

test('a server that restarts is followed again, from where it was, by the same identity', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'mayfly-restart-'));
  cleanUp.push(() => rmSync(dataDir, { recursive: true, force: true }));
  const first = await Journey.start({ dataDir });
  const port = Number(new URL(first.server.ready.api).port);
  const agent = startAgent({
    path: newPath(),
    clock: systemClock,
    timers: systemTimers,
    urls: [new URL(first.server.ready.api)],
    anchor: journeyAnchor(first),
    evidence: await tokenFor(first, 'patient'),
  });
  cleanUp.push(() => agent.stop());
  agent.keeper.start();
  await agent.keeper.step();
  const { told, follower } = follow(agent);
  await eventually(() => told.includes('commit'));
  const { serial } = agent.keeper.current() ?? {};
  await first.stop();
  await eventually(() => !follower.isCurrent());
  const configure: JourneyOptions['configure'] = (server) => ({ ...server, api: { ...server.api, port } });
  const second = await Journey.start({ dataDir, configure });
  cleanUp.push(() => second.stop());
  await second.entry('after', { parentId: idOf('patient') });
  await eventually(() => told.includes('+after'), 500_000);
  expect(told.filter((each) => each === 'reset')).toHaveLength(1);
  expect([agent.keeper.current()?.serial, agent.heard]).toEqual([serial, ['identity', 'identified']]);
});

test.each([
  [
    'opened the feed',
    10,
    async ({ server }: TestAgent): Promise<void> => {
      const stream = await server.sync(undefined, new AbortController().signal);
      stream.close();
    },
  ],
  [
    'greeted',
    20,
    async ({ server }: TestAgent): Promise<void> => {
      await server.hello(undefined);
    },
  ],
] as const)('whoever %s too often waits as the server says, and comes back', async (_what, burst, act) => {
  const { clock, timers } = testTime(systemClock.now());
  const limited = await Journey.start({ clock, timers });
  cleanUp.push(() => limited.stop());
  const agent = startAgent({
    path: newPath(),
    clock,
    timers: systemTimers,
    urls: [new URL(limited.server.ready.api)],
    anchor: journeyAnchor(limited),
    evidence: await tokenFor(limited, 'hasty'),
  });
  cleanUp.push(() => agent.stop());
  agent.keeper.start();
  await agent.keeper.step();
  await agent.trust.ready();
  for (let count = 0; count < burst; count += 1) await act(agent);
  const { follower, pauses, told } = follow(agent);
  await eventually(() => pauses.length > 3);
  expect(Math.min(...pauses.slice(0, 3))).toBeGreaterThanOrEqual(1000);
  expect(told).toEqual([]);
  clock.advance(1000);
  await eventually(() => follower.isCurrent());
  // It was no reason to doubt its identity.
  expect(agent.heard).toEqual(['identity', 'identified']);
});
