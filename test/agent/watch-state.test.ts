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
import { codeOf } from '../support/refusals.ts';

/** Streams of workloads, from what real issuance gave; time passes when told. */

let world: AgentWorld;
let time: ManualTime;
let agent: TestHoldings;
agentForEachTest((...all) => {
  [world, time, agent] = all;
});

const UID = 'unix:uid:1000';

describe('a stream', () => {
  test('has the state at once, a new one after each renewal, and none twice', async () => {
    // M3
    const id = freshId();
    await world.entry(id, { x509Ttl: 600 });
    agent.sync();
    const open = stream(agent.open(UID).session);
    await eventually(() => open.states.length === 1);
    for (let count = 2; count <= 4; count += 1) {
      time.pass(300_000);
      agent.sync();
      await eventually(() => open.states.length === count);
    }
    const ends = open.states.map(({ svids }) => svids[0]?.notAfter ?? 0);
    expect([...ends].sort((a, b) => a - b)).toEqual(ends);
    expect(new Set(open.states.map(({ svids }) => svids[0])).size).toBe(4);
    agent.sync();
    await settle(time);
    expect(open.states).toHaveLength(4);
  });

  test('hears of a new entry, of one that is gone, and ends when the last is gone', async () => {
    // M14
    const [one, two] = [freshId(), freshId()];
    await world.entry(one);
    agent.sync();
    const open = stream(agent.open(UID).session);
    await eventually(() => open.states.length === 1);
    await world.entry(two);
    agent.sync();
    await eventually(() => open.states.length === 2);
    expect(pathsOf(open.states[1])).toEqual([one, two]);
    await world.remove(one);
    agent.sync();
    await eventually(() => open.states.length === 3);
    expect(pathsOf(open.states[2])).toEqual([two]);
    expect(open.ended()).toBeUndefined();
    await world.remove(two);
    agent.sync();
    await eventually(() => open.ended() !== undefined);
    expect(open.ended()).toMatchObject({ code: 'no_identity' });
    expect(open.ended()?.decisionId).toBeDefined();
  });

  test('a revoked identity is gone from it at once, the others stay', async () => {
    const [one, two] = [freshId(), freshId()];
    await world.entry(one);
    await world.entry(two);
    agent.sync();
    const open = stream(agent.open(UID).session);
    await eventually(() => open.states.length === 1);
    await world.revoke({ kind: 'identity', value: `spiffe://example.org/${one}` }, 'cutoff', 'block');
    agent.sync();
    await turns(2);
    expect(open.states.map(pathsOf)).toEqual([[one, two], [two]]);
    await world.revoke({ kind: 'identity', value: `spiffe://example.org/${two}` }, 'cutoff', 'block');
    agent.sync();
    await eventually(() => open.ended()?.code === 'no_identity');
  });

  test('one that is cut off to be issued anew is replaced, not withdrawn', async () => {
    const [one, two] = [freshId(), freshId()];
    await world.entry(one);
    await world.entry(two);
    agent.sync();
    const open = stream(agent.open(UID).session);
    await eventually(() => open.states.length === 1);
    await world.revoke({ kind: 'entry', value: one }, 'cutoff');
    agent.sync();
    await eventually(() => open.states.length === 2);
    expect(open.states.map(pathsOf)).toEqual([
      [one, two],
      [one, two],
    ]);
    expect(open.states[1]?.svids[0]).not.toBe(open.states[0]?.svids[0]);
  });

  test('but is withdrawn when its successor does not come', async () => {
    const [one, two] = [freshId(), freshId()];
    await world.entry(one);
    await world.entry(two);
    agent.sync();
    const open = stream(agent.open(UID).session);
    await eventually(() => open.states.length === 1);
    world.outage = new Refusal('unavailable', 'no server');
    await world.revoke({ kind: 'entry', value: one }, 'cutoff');
    agent.sync();
    await turns();
    expect(open.states).toHaveLength(1);
    time.pass(500);
    await settle(time);
    expect(open.states.map(pathsOf)).toEqual([[one, two], [two]]);
    // The last one may be dead, too, but the entry still gives an identity: the stream waits.
    await world.revoke({ kind: 'entry', value: two }, 'cutoff');
    agent.sync();
    time.pass(600);
    await settle(time);
    expect(open.states).toHaveLength(2);
    expect(open.ended()).toBeUndefined();
    world.outage = undefined;
    agent.sync();
    await eventually(() => open.states.length >= 3);
    await settle(time);
    expect(pathsOf(open.states.at(-1))).toEqual([one, two]);
  });

  test('is checked before each state: a process that is not the same any more gets nothing more', async () => {
    // WLAPI-10
    await world.entry(freshId());
    agent.sync();
    const { session, process } = agent.open(UID);
    const open = stream(session);
    await eventually(() => open.states.length === 1);
    process.isSame = false;
    await world.entry(freshId());
    agent.sync();
    await eventually(() => open.ended() !== undefined);
    expect(open.ended()).toMatchObject({ code: 'no_identity' });
    expect(open.states).toHaveLength(1);
  });

  test('is attested again every half a minute: other selectors, another state', async () => {
    const [one, two] = [freshId(), freshId()];
    await world.entry(one);
    await world.entry(two, { selectors: ['systemd:unit:web'] });
    agent.sync();
    const { session, process } = agent.open(UID);
    const open = stream(session);
    await eventually(() => open.states.length === 1);
    process.selectors = [UID, 'systemd:unit:web'];
    time.pass(30_000);
    await eventually(() => open.states.length === 2);
    expect(open.states.map(pathsOf)).toEqual([[one], [one, two]]);
    expect(process.attested).toBe(2);
  });

  test('one attestation that fails or lacks a kind of selectors takes nothing away; one that says no does', async () => {
    const id = freshId();
    await world.entry(id, { selectors: ['docker:label:app:web'] });
    agent.sync();
    const { session, process } = agent.open('docker:label:app:web', UID);
    const open = stream(session);
    await eventually(() => open.states.length === 1);
    process.failure = new Refusal('unavailable', 'it cannot be told now');
    time.pass(30_000);
    await settle(time);
    process.failure = undefined;
    process.selectors = [UID];
    process.untold = ['docker'];
    for (let round = 0; round < 3; round += 1) {
      time.pass(5000);
      await settle(time);
      expect(open.ended()).toBeUndefined();
    }
    process.untold = [];
    time.pass(5000);
    await settle(time);
    expect(open.ended()).toMatchObject({ code: 'no_identity' });
    expect(open.states).toHaveLength(1);
  });

  test('what an attestor told is believed for a minute after it told nothing more', async () => {
    const id = freshId();
    await world.entry(id, { selectors: ['docker:label:app:web'] });
    agent.sync();
    const { session, process } = agent.open('docker:label:app:web', UID);
    await session.state();
    process.selectors = [UID];
    process.untold = ['docker'];
    time.pass(59_000);
    expect(pathsOf(await session.state())).toEqual([id]);
    time.pass(6000);
    expect(await codeOf(session.state())).toBe('unavailable');
  });

  test('a thousand alike hear of a change, in portions', async () => {
    const id = freshId();
    await world.entry(id);
    agent.sync();
    const open = Array.from({ length: 1000 }, () => stream(agent.open(UID).session));
    await eventually(() => open.every(({ states }) => states.length === 1));
    expect(new Set(open.map(({ states }) => states[0])).size).toBe(1);
    await world.entry(freshId());
    agent.sync();
    await eventually(() => open.some(({ states }) => states.length === 2));
    expect(open.filter(({ states }) => states.length === 2).length).toBeLessThan(100);
    for (let round = 0; round < 20; round += 1) {
      time.pass(0);
      await turns(1);
    }
    expect(new Set(open.map(({ states }) => states[1])).size).toBe(1);
    expect(open.every(({ states }) => states.length === 2)).toBe(true);
    for (const { abort } of open) abort.abort();
    await turns(2);
    expect(agent.holdings.status().streams).toBe(0);
  });

  test('aborted, it hears nothing more', async () => {
    await world.entry(freshId());
    agent.sync();
    const open = stream(agent.open(UID).session);
    await eventually(() => open.states.length === 1);
    open.abort.abort();
    await eventually(() => open.ended() !== undefined);
    await world.entry(freshId());
    agent.sync();
    await settle(time);
    expect(open.states).toHaveLength(1);
    expect(agent.holdings.status().streams).toBe(0);
  });
});
