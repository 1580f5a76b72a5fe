import { Refusal } from '../../src/domain/refusal.ts';
import {
  agentForEachTest,
  freshId,
  pathsOf,
  settle,
  stream,
  turns,
  type TestHoldings,
} from '../support/agent-holdings.ts';
import type { AgentWorld } from '../support/agent-world.ts';
import { eventually, type ManualTime } from '../support/manual-time.ts';
import { codeOf, refusalOf } from '../support/refusals.ts';

/** Workloads served from what real issuance gave; time passes when told. */

let world: AgentWorld;
let time: ManualTime;
let agent: TestHoldings;
agentForEachTest((...all) => {
  [world, time, agent] = all;
});

const UID = 'unix:uid:1000';

describe('before anything was heard', () => {
  test('a caller is told to come again, never that it has no identity', async () => {
    // M10
    const { session } = agent.open(UID);
    expect(await codeOf(session.state())).toBe('unavailable');
    expect(await codeOf(session.jwtSvids(['db'], undefined))).toBe('unavailable');
    expect(await codeOf(session.validateJwt('db', 'x'))).toBe('unavailable');
    expect(await codeOf(session.watch(() => undefined, new AbortController().signal))).toBe('unavailable');
    expect(agent.holdings.status().denials).toBe(0);
  });
});

describe('the state of a caller', () => {
  test('has one SVID for each entry whose selectors it has, the oldest first', async () => {
    const [old, young, other] = [freshId(), freshId(), freshId()];
    await world.entry(young, { createdAt: 2000 as never });
    await world.entry(old, { createdAt: 1000 as never, selectors: [UID, 'unix:gid:1'], hint: 'internal' });
    await world.entry(other, { selectors: ['unix:uid:7'] });
    agent.sync();
    const state = await agent.open(UID, 'unix:gid:1').session.state();
    expect(pathsOf(state)).toEqual([old, young]);
    expect(state.svids.map(({ hint }) => hint)).toEqual(['internal', undefined]);
    expect(state.bundle.trustDomain).toBe('example.org');
    expect(state.bundle.x509Authorities.length).toBeGreaterThan(1);
    expect(state.federated).toEqual([]);
    const { keys } = JSON.parse(state.bundle.jwtKeySet) as { keys: Record<string, string>[] };
    expect(keys.length).toBeGreaterThan(1);
    // WLAPI-44
    for (const key of keys) expect(Object.keys(key).sort()).toEqual(['crv', 'kid', 'kty', 'x', 'y']);
  });

  test('is the same object for all callers alike, and for as long as it is the same', async () => {
    await world.entry(freshId());
    agent.sync();
    const first = await agent.open(UID).session.state();
    expect(await agent.open(UID).session.state()).toBe(first);
    agent.sync();
    expect(await agent.open(UID).session.state()).toBe(first);
    const other = await agent.open(UID, 'unix:gid:5').session.state();
    expect(other.svids[0]).toBe(first.svids[0]);
    expect(other.bundle).toBe(first.bundle);
  });

  test('leaves out the younger of two identities with one hint', async () => {
    // WLAPI-23
    const [old, young] = [freshId(), freshId()];
    await world.entry(young, { createdAt: 2000 as never, hint: 'same' });
    await world.entry(old, { createdAt: 1000 as never, hint: 'same' });
    agent.sync();
    const { session } = agent.open(UID);
    expect(pathsOf(await session.state())).toEqual([old]);
    expect((await session.jwtSvids(['db'], undefined)).map(({ hint }) => hint)).toEqual(['same']);
  });

  test('waits for SVIDs that are on their way, and then comes with those that are there', async () => {
    const [there, late] = [freshId(), freshId()];
    await world.entry(there);
    agent.sync();
    await agent.open(UID).session.state();
    world.outage = new Refusal('unavailable', 'no server');
    await world.entry(late);
    agent.sync();
    const asked = agent.open(UID).session.state();
    const isDone = Promise.race([asked.then(() => true), turns().then(() => false)]);
    expect(await isDone).toBe(false);
    time.pass(1000);
    expect(pathsOf(await asked)).toEqual([there]);
  });

  test('is unavailable when none comes in time', async () => {
    world.outage = new Refusal('unavailable', 'no server');
    await world.entry(freshId());
    agent.sync();
    const asked = codeOf(agent.open(UID).session.state());
    await turns();
    time.pass(1000);
    await turns();
    time.pass(4000);
    expect(await asked).toBe('unavailable');
    expect(agent.holdings.status().denials).toBe(0);
  });

  test('a caller without identity is told so, under a decision that the server hears of', async () => {
    await world.entry(freshId());
    agent.sync();
    const { session } = agent.open('unix:uid:1');
    const refused = await refusalOf(session.state());
    expect(refused).toMatchObject({ code: 'no_identity', message: 'no identity issued' });
    expect((await refusalOf(session.state())).decisionId).toBe(refused.decisionId);
    time.pass(100);
    expect(agent.said).toMatchObject([
      { type: 'denials', denials: [{ id: refused.decisionId, selectors: ['unix:uid:1'] }] },
    ]);
    agent.holdings.recorded([refused.decisionId ?? '']);
    expect(agent.holdings.status().denials).toBe(0);
  });

  // WLE-13: some clients take PermissionDenied for final
  test('a caller that an attestor cannot tell of is told to come again, and nobody hears of a denial', async () => {
    await world.entry(freshId(), { selectors: ['docker:label:app:web'] });
    agent.sync();
    const { session, process } = agent.open(UID);
    process.untold = ['docker'];
    await expect(session.state()).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'attestors that could not tell: docker',
    });
    expect(agent.holdings.status().denials).toBe(0);
  });
});

describe('the process behind a connection', () => {
  test('is attested once for several calls, and again after five seconds', async () => {
    await world.entry(freshId());
    agent.sync();
    const { session, process } = agent.open(UID);
    await session.state();
    await session.state();
    await session.jwtSvids(['db'], undefined);
    expect(process.attested).toBe(1);
    time.pass(5001);
    await session.state();
    expect(process.attested).toBe(2);
  });

  test('gets nothing once it is not the same any more', async () => {
    await world.entry(freshId());
    agent.sync();
    const { session, process } = agent.open(UID);
    await session.state();
    process.isSame = false;
    expect(await codeOf(session.state())).toBe('no_identity');
    expect(await codeOf(session.jwtSvids(['db'], undefined))).toBe('no_identity');
  });

  test('that was replaced while its answer was being made gets nothing', async () => {
    const id = freshId();
    await world.entry(id);
    agent.sync();
    const { session, process } = agent.open(UID);
    const asked = codeOf(session.jwtSvids(['db'], undefined));
    await turns(1);
    process.isSame = false;
    expect(await asked).toBe('no_identity');
  });

  test('that cannot be attested is told to come again', async () => {
    await world.entry(freshId());
    agent.sync();
    const { session, process } = agent.open(UID);
    process.failure = new Refusal('unavailable', 'it cannot be told now who is calling');
    expect(await codeOf(session.state())).toBe('unavailable');
    process.failure = new Refusal('unauthenticated', 'the process that connected ended');
    expect(await codeOf(session.state())).toBe('no_identity');
  });

  test('is let go when the connection closes, and what still runs ends', async () => {
    await world.entry(freshId());
    agent.sync();
    const { session, process } = agent.open(UID);
    const open = stream(session);
    await eventually(() => open.states.length === 1);
    session.close();
    await eventually(() => open.ended() !== undefined);
    expect(process.isClosed).toBe(true);
    expect(await codeOf(session.state())).toBe('unavailable');
    expect(agent.holdings.status().streams).toBe(0);
  });

  test('no socket, no session', () => {
    expect(() => agent.holdings.sessions.open(99)).toThrow('no such socket');
  });
});

describe('the server away', () => {
  test('for longer than it may be, everything ends, and comes back with its next word', async () => {
    // DEC-36
    await world.entry(freshId(), { x509Ttl: 86_400 });
    agent.sync();
    const { session } = agent.open(UID);
    const open = stream(session);
    await eventually(() => open.states.length === 1);
    world.outage = new Refusal('unavailable', 'no server');
    time.pass(3_599_000);
    await settle(time);
    await session.state();
    expect(open.ended()).toBeUndefined();
    time.pass(1000);
    await settle(time);
    expect(open.ended()).toMatchObject({ code: 'unavailable' });
    expect(await codeOf(session.state())).toBe('unavailable');
    expect(await codeOf(session.jwtSvids(['db'], undefined))).toBe('unavailable');
    agent.holdings.heard();
    await session.state();
  });

  test('heartbeats are words', async () => {
    await world.entry(freshId(), { x509Ttl: 86_400 });
    agent.sync();
    const { session } = agent.open(UID);
    await session.state();
    for (let hour = 0; hour < 5; hour += 1) {
      time.pass(3_000_000);
      agent.holdings.heard();
    }
    await session.state();
  });

  test('heartbeats before the first state are not', async () => {
    agent.holdings.heard();
    expect(await codeOf(agent.open(UID).session.state())).toBe('unavailable');
  });
});

test('a banned agent forgets everything, and its streams end without identity', async () => {
  const id = freshId();
  await world.entry(id);
  agent.sync();
  const { session } = agent.open(UID);
  const open = stream(session);
  await eventually(() => open.states.length === 1);
  await session.jwtSvids(['db'], undefined);
  void agent.holdings.forgetAll();
  await eventually(() => open.ended() !== undefined);
  expect(open.ended()).toMatchObject({ code: 'no_identity' });
  expect(agent.holdings.status()).toMatchObject({ entries: 0, svids: 0, tokens: 0, streams: 0 });
  expect(agent.holdings.held()).toBeUndefined();
  expect(await codeOf(session.state())).toBe('unavailable');
});

test('the agent itself revoked: all of its workloads lose theirs', async () => {
  await world.entry(freshId());
  agent.sync();
  const open = stream(agent.open(UID).session);
  await eventually(() => open.states.length === 1);
  const parts = world.state();
  agent.holdings.begin(false);
  agent.holdings.revocations({
    type: 'revocations',
    revocations: [
      {
        id: 'r',
        target: { kind: 'agent', value: world.agent },
        predicates: ['cutoff', 'block'],
        index: parts.cursor.index + 1,
      },
    ],
    removed: [],
  });
  void agent.holdings.commit({ ...parts.cursor, index: parts.cursor.index + 1 });
  await eventually(() => open.ended() !== undefined);
  expect(open.ended()).toMatchObject({ code: 'no_identity' });
});
