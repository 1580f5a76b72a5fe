import { Refusal } from '../../src/domain/refusal.ts';
import type { AgentServer } from '../../src/ports/agent-server.ts';
import type { OwnSvid } from '../../src/ports/agent-state.ts';
import { Journey } from '../support/journey.ts';
import { testTime } from '../support/journey-time.ts';
import { type TestAgent, tokenFor } from '../support/own-agent.ts';
import { greets, idOf, ownAgents } from '../support/own-agents.ts';

/** An agent's own identity against a real server, on made-up time. */
const time = testTime();
const { pass } = time;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let journey: Journey;
const { newPath, start, stop, stopAll, close } = ownAgents(() => journey, time);

beforeAll(async () => {
  journey = await Journey.start(time);
});

afterEach(stopAll);

afterAll(async () => {
  close();
  await journey.stop();
});

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
  expect(bad.keeper.status()).toMatchObject({
    state: 'unproven',
    // P7: the operator finds the reason under it.
    problem: expect.stringMatching(/^the evidence was not accepted \(decision [0-9a-f]{32}\)$/),
  });
});

test('a state folder that another agent has is not shared', async () => {
  const path = newPath();
  await start({ path });
  await expect(start({ path })).rejects.toThrow('a second agent cannot use the state folder');
});

const currentOf = (agent: TestAgent): OwnSvid => {
  const svid = agent.keeper.current();
  if (!svid) throw new Error('it has no identity');
  return svid;
};

test('whose root is gone comes back with the node key at once, and who waits for that goes on then (DEC-23)', async () => {
  const agent = await start({ evidence: await tokenFor(journey, 'cut') });
  const before = currentOf(agent);
  await agent.keeper.settled();
  agent.keeper.cutOff(before);
  await agent.keeper.settled();
  expect(currentOf(agent).serial).not.toBe(before.serial);
  expect(journey.facts('attested').at(-1)).toMatchObject({ attestor: 'node_key', spiffeId: idOf('cut') });
  // It was another one's root.
  agent.keeper.cutOff(before);
  await agent.keeper.settled();
});

test('nobody waits for longer than one attempt, and the next ones come soon', async () => {
  let [isAway, attempts] = [false, 0];
  const between = (server: AgentServer): AgentServer => ({
    attest: (request) => server.attest(request),
    renew: (csr) => server.renew(csr),
    x509Svids: (items) => server.x509Svids(items),
    jwtSvids: (items) => server.jwtSvids(items),
    hello: (head) => server.hello(head),
    sync: (after, signal) => server.sync(after, signal),
    challenge: () => {
      attempts += 1;
      return isAway ? Promise.reject(new Refusal('unavailable', 'away')) : server.challenge();
    },
  });
  const agent = await start({ evidence: await tokenFor(journey, 'hurried'), between });
  const before = currentOf(agent);
  isAway = true;
  agent.keeper.cutOff(before);
  await agent.keeper.settled();
  expect([agent.keeper.current(), attempts]).toEqual([before, 1]);
  await pass(1500, 250);
  expect(attempts).toBeGreaterThan(2);
  isAway = false;
  await pass(4000, 250);
  expect(currentOf(agent).serial).not.toBe(before.serial);
});
