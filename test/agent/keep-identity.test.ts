import { chmodSync, cpSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { AgentServer } from '../../src/ports/agent-server.ts';
import { Refusal } from '../../src/domain/refusal.ts';
import { type AgentOptions, journeyAnchor, startAgent, type TestAgent, tokenFor } from '../support/own-agent.ts';
import { newStatePath } from '../support/agent-folder.ts';
import { Journey } from '../support/journey.ts';
import { testTime } from '../support/journey-time.ts';

/** An agent's own identity against a real server, on made-up time. */
const { clock, timers, pass } = testTime();
const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let journey: Journey;
const running = new Set<TestAgent>();
const paths: string[] = [];

beforeAll(async () => {
  journey = await Journey.start({ clock, timers });
});

afterEach(() => {
  for (const agent of running) agent.stop();
  running.clear();
});

afterAll(async () => {
  for (const path of paths) rmSync(dirname(path), { recursive: true, force: true });
  await journey.stop();
});

const newPath = (): string => {
  const { path } = newStatePath();
  paths.push(path);
  return path;
};

const start = async (options: Partial<AgentOptions> = {}): Promise<TestAgent> => {
  const { path = newPath() } = options;
  const urls = [new URL(journey.server.ready.api)];
  const anchor = journeyAnchor(journey);
  const agent = startAgent({
    ...options,
    path,
    clock: options.clock ?? clock,
    timers: options.timers ?? timers,
    urls,
    anchor,
  });
  running.add(agent);
  agent.keeper.start();
  await agent.keeper.step();
  return agent;
};

const stop = (agent: TestAgent): void => {
  running.delete(agent);
  agent.stop();
};

const idOf = (name: string): string => `spiffe://example.org/mayfly/agent/join_token/${name}`;

const act = (name: string, what: 'ban' | 'evict' | 'unlock') =>
  journey.administer(
    'POST',
    `/v1/admin/agents/${encodeURIComponent(idOf(name))}/${what}`,
    what === 'unlock' ? undefined : { confirm: true },
  );

/** The server takes the agent's SVID, and says so. */
const greets = async (agent: TestAgent): Promise<boolean> => {
  await agent.trust.ready();
  await agent.server.hello(undefined);
  return true;
};

const release = async (): Promise<void> => {
  const { revocations } = await journey.administer<{ revocations: { id: string; predicates: string[] }[] }>(
    'GET',
    '/v1/admin/revocations',
  );
  for (const { id, predicates } of revocations) {
    if (predicates.includes('block')) {
      await journey.administer('POST', `/v1/admin/revocations/${id}/release`);
    }
  }
};

test('a join token gives an identity for a day, and a restart needs no other', async () => {
  const path = newPath();
  const first = await start({ path, evidence: await tokenFor(journey, 'first') });
  expect(first.keeper.status()).toEqual({ state: 'identified' });
  const svid = first.keeper.current();
  expect(svid?.spiffeId).toBe(idOf('first'));
  expect(first.heard).toEqual(['identity', 'identified']);
  stop(first);
  const again = await start({ path });
  expect(again.keeper.current()?.serial).toBe(svid?.serial);
  expect(again.keeper.status()).toEqual({ state: 'identified' });
  expect(await greets(again)).toBe(true);
});

test('it renews between 40 and 50 % of life, with a new key each time (DEC-36)', async () => {
  const agent = await start({ evidence: await tokenFor(journey, 'renewing') });
  const first = agent.keeper.current();
  await pass(0.39 * DAY, HOUR);
  expect(agent.keeper.current()).toBe(first);
  await pass(0.12 * DAY, HOUR);
  const second = agent.keeper.current();
  expect(second?.serial).not.toBe(first?.serial);
  expect(second && first && second.key.equals(first.key)).toBe(false);
  expect(agent.state.svid()?.serial).toBe(second?.serial);
  expect(agent.state.pendingKey()).toBeUndefined();
  expect(await greets(agent)).toBe(true);
});

test('whose SVID ended comes back with the node key, without evidence (DEC-13)', async () => {
  const path = newPath();
  const first = await start({ path, evidence: await tokenFor(journey, 'asleep') });
  stop(first);
  await pass(3 * DAY, HOUR * 6);
  const again = await start({ path });
  expect(again.keeper.current()?.spiffeId).toBe(idOf('asleep'));
  expect(again.keeper.status()).toEqual({ state: 'identified' });
  expect(await greets(again)).toBe(true);
});

test('whose node key ended too needs evidence, and takes it when it comes', async () => {
  const path = newPath();
  const first = await start({ path, evidence: await tokenFor(journey, 'lost') });
  stop(first);
  await pass(32 * DAY, DAY);
  const again = await start({ path });
  expect(again.keeper.current()).toBeUndefined();
  expect(again.keeper.status()).toMatchObject({ state: 'unproven', problem: expect.stringContaining('no evidence') });
  stop(again);
  const proven = await start({ path, evidence: await tokenFor(journey, 'lost') });
  expect(proven.keeper.status()).toEqual({ state: 'identified' });
});

/** Lets the call through, and loses the answer so many times. */
const losing =
  (method: 'attest' | 'renew', times: number) =>
  (server: AgentServer): AgentServer => {
    let left = times;
    const lose = async <T>(answer: Promise<T>): Promise<T> => {
      const value = await answer;
      if (left === 0) return value;
      left -= 1;
      throw new Refusal('unavailable', 'the answer was lost');
    };
    return new Proxy(server, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        const call = value.bind(target) as (...all: unknown[]) => Promise<unknown>;
        return name === method ? (...all: unknown[]) => lose(call(...all)) : call;
      },
    });
  };

test('a reply to the evidence that is lost is asked for again with the same key, also after a restart (DEC-12)', async () => {
  const path = newPath();
  const evidence = await tokenFor(journey, 'lossy');
  const agent = await start({ path, evidence, between: losing('attest', 9) });
  expect(agent.keeper.status()).toMatchObject({ state: 'starting', problem: 'the answer was lost' });
  const pending = agent.state.pendingKey();
  await pass(MINUTE, MINUTE);
  expect(agent.state.pendingKey()?.equals(pending as never)).toBe(true);
  stop(agent);
  const again = await start({ path, evidence });
  expect(again.keeper.status()).toEqual({ state: 'identified' });
  expect(again.keeper.current()?.key.equals(pending as never)).toBe(true);
});

test('a reply to a renewal that is lost is no clone', async () => {
  const path = newPath();
  const agent = await start({ path, evidence: await tokenFor(journey, 'slippery'), between: losing('renew', 2) });
  const first = agent.keeper.current();
  await pass(0.51 * DAY, HOUR);
  await pass(3 * HOUR, HOUR);
  expect(agent.keeper.current()?.serial).not.toBe(first?.serial);
  expect(agent.keeper.status()).toEqual({ state: 'identified' });
  expect(await greets(agent)).toBe(true);
});

/** Two agents with one state: whoever copied the folder. */
const cloned = async (name: string): Promise<{ real: TestAgent; clone: TestAgent; copy: string }> => {
  const path = newPath();
  const copy = newPath();
  const first = await start({ path, evidence: await tokenFor(journey, name) });
  stop(first);
  cpSync(path, copy, { recursive: true });
  chmodSync(copy, 0o700);
  const real = await start({ path });
  await pass(0.51 * DAY, HOUR);
  return { real, clone: await start({ path: copy }), copy };
};

test('a clone is locked out of renewal, and so is the real one, until an operator unlocks them (DEC-12)', async () => {
  const { real, clone } = await cloned('copied');
  expect(real.keeper.status()).toEqual({ state: 'identified' });
  expect(clone.keeper.status()).toMatchObject({ state: 'locked' });
  // It goes on with what it has for as long as that lasts.
  expect([clone.keeper.current()?.spiffeId, clone.heard]).toEqual([idOf('copied'), ['identity', 'locked']]);
  await pass(0.51 * DAY, HOUR);
  expect(real.keeper.status()).toMatchObject({ state: 'locked' });
  expect(real.keeper.current()).toBeDefined();
  stop(clone);
  await act('copied', 'unlock');
  await pass(10 * MINUTE, MINUTE);
  expect(real.keeper.status()).toEqual({ state: 'identified' });
});

test('that renewal is locked outlives a restart, so that nothing locks it anew', async () => {
  const { real, clone, copy } = await cloned('locked');
  stop(real);
  stop(clone);
  await act('locked', 'unlock');
  const again = await start({ path: copy });
  expect(again.keeper.status()).toEqual({ state: 'identified' });
  const { agents } = await journey.administer<{ agents: { spiffeId: string; locked?: object }[] }>(
    'GET',
    '/v1/admin/agents',
  );
  expect(agents.find(({ spiffeId }) => spiffeId === idOf('locked'))?.locked).toBeUndefined();
});

test('a ban: everything is forgotten, and it comes back when it is released and proves itself anew', async () => {
  const path = newPath();
  const agent = await start({ path, evidence: await tokenFor(journey, 'banned') });
  const svid = agent.keeper.current();
  const nodeKey = agent.state.nodeKey();
  await act('banned', 'ban');
  await expect(greets(agent)).rejects.toMatchObject({ code: 'unauthenticated' });
  if (svid) agent.keeper.refused(svid);
  await agent.keeper.step();
  expect(agent.heard.slice(2)).toEqual(['void', 'no identity', 'revoked', 'banned']);
  expect([agent.keeper.current(), agent.state.svid()]).toEqual([undefined, undefined]);
  expect(nodeKey && agent.state.nodeKey()?.equals(nodeKey)).toBe(false);
  stop(agent);
  const next = await start({ path, evidence: await tokenFor(journey, 'banned') });
  expect(next.keeper.status().state).toBe('banned');
  await pass(5 * MINUTE, MINUTE);
  expect(next.keeper.status().state).toBe('banned');
  await release();
  await pass(5 * MINUTE, MINUTE);
  expect(next.keeper.status()).toEqual({ state: 'identified' });
  expect(await greets(next)).toBe(true);
});

test('an eviction: what was is void, and evidence makes it the same agent again', async () => {
  const path = newPath();
  const evidence = await tokenFor(journey, 'evicted');
  const agent = await start({ path, evidence });
  const svid = agent.keeper.current();
  const nodeKey = agent.state.nodeKey();
  await act('evicted', 'evict');
  if (svid) agent.keeper.revoked(svid);
  expect(agent.keeper.current()).toBeUndefined();
  await agent.keeper.step();
  // The token was good once.
  expect(agent.keeper.status().state).toBe('unproven');
  stop(agent);
  const again = await start({ path, evidence: await tokenFor(journey, 'evicted') });
  expect(again.keeper.current()?.spiffeId).toBe(idOf('evicted'));
  expect(again.state.nodeKey()?.equals(nodeKey as never)).toBe(false);
  expect(await greets(again)).toBe(true);
});

test('an SVID that the server does not take, though nobody revoked it, is replaced by the node key alone', async () => {
  const path = newPath();
  const agent = await start({ path, evidence: await tokenFor(journey, 'rolledback') });
  const svid = agent.keeper.current();
  if (svid) agent.keeper.refused(svid);
  await agent.keeper.step();
  expect(agent.keeper.current()?.serial).not.toBe(svid?.serial);
  expect(agent.heard.slice(2)).toEqual(['identity']);
});

test('a server that gives SVIDs and takes none is not asked at once again and again', async () => {
  const agent = await start({ evidence: await tokenFor(journey, 'spinning') });
  let taken = 0;
  for (let round = 0; round < 20; round += 1) {
    const svid = agent.keeper.current();
    if (svid) agent.keeper.refused(svid);
    await agent.keeper.step();
    if (agent.keeper.current() !== svid) taken += 1;
  }
  expect(taken).toBe(1);
});

test('an SVID that has ended is not shown, and everyone is told', async () => {
  const agent = await start({
    evidence: await tokenFor(journey, 'ending'),
    between: (server) => ({
      ...server,
      attest: (request) => server.attest(request),
      challenge: () => Promise.reject(new Refusal('unavailable', 'away')),
      renew: () => Promise.reject(new Refusal('unavailable', 'away')),
    }),
  });
  await pass(0.9 * DAY, 2 * HOUR);
  expect(agent.keeper.current()).toBeDefined();
  expect(agent.keeper.status()).toEqual({ state: 'identified', problem: 'away' });
  await pass(0.2 * DAY, HOUR);
  expect(agent.keeper.current()).toBeUndefined();
  expect(agent.keeper.status()).toEqual({ state: 'expired', problem: 'away' });
  expect(agent.heard).toContain('no identity');
  expect(agent.heard).not.toContain('void');
});

test('Retry-After is waited for', async () => {
  const asked: number[] = [];
  const { clock, timers, pass } = testTime();
  const agent = await start({
    clock,
    timers,
    evidence: await tokenFor(journey, 'patient'),
    between: (server) => ({
      ...server,
      attest: () => {
        asked.push(clock.monotonic());
        return Promise.reject(new Refusal('rate_limited', 'too often', { retryAfter: 300 }));
      },
    }),
  });
  await pass(299_000, 1000);
  expect(asked).toHaveLength(1);
  await pass(160_000, 1000);
  expect(asked).toHaveLength(2);
  expect(agent.keeper.status()).toEqual({ state: 'starting', problem: 'too often' });
});

test('an agent that has nothing to show says what is missing', async () => {
  const agent = await start();
  expect(agent.keeper.status()).toMatchObject({ state: 'unproven', problem: expect.stringContaining('no evidence') });
  const bad = await start({
    evidence: { type: 'join_token', challenged: false, collect: async () => ({ token: 'x' }) },
  });
  expect(bad.keeper.status()).toMatchObject({ state: 'unproven', problem: 'the evidence was not accepted' });
});

test('a state folder that another agent has is not shared', async () => {
  const path = newPath();
  await start({ path });
  await expect(start({ path })).rejects.toThrow('a second agent cannot use the state folder');
});
