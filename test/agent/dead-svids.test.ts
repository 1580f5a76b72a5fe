import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import type { AgentServer } from '../../src/ports/agent-server.ts';
import { agentForEachTest, freshId } from '../support/agent-holdings.ts';
import type { AgentWorld } from '../support/agent-world.ts';
import { eventually, type ManualTime } from '../support/manual-time.ts';
import { newSvidAgent } from '../support/svid-agent.ts';

/** SVIDs that are dead or out of date, and what takes their place. */

let world: AgentWorld;
let time: ManualTime;
agentForEachTest((...all) => {
  [world, time] = all;
});

describe('made anew at once', () => {
  test('when the entry gives something else', async () => {
    const id = freshId();
    const entry = await world.entry(id);
    const agent = newSvidAgent(world, time);
    agent.sync();
    await agent.come(id);
    const before = agent.held(id);
    await world.entry(id, { ...entry, revision: 2, x509Ttl: 900 });
    agent.sync();
    // The old one is still good.
    expect(agent.held(id)).toBe(before);
    await eventually(() => agent.held(id).credential !== before.credential);
    expect(agent.held(id).notAfter * 1000 - time.clock.now()).toBeLessThanOrEqual(900_000);
  });

  test('but not for another hint', async () => {
    const id = freshId();
    const entry = await world.entry(id);
    const agent = newSvidAgent(world, time);
    agent.sync();
    await agent.come(id);
    world.calls.x509.length = 0;
    await world.entry(id, { ...entry, revision: 2, hint: 'internal' });
    agent.sync();
    expect(world.calls.x509).toEqual([]);
  });

  test('and the old one is gone when the entry gives another SPIFFE ID', async () => {
    const id = freshId();
    const entry = await world.entry(id);
    const agent = newSvidAgent(world, time);
    agent.sync();
    await agent.come(id);
    await world.entry(id, { ...entry, revision: 2, spiffeId: `spiffe://example.org/other/${id}` as SpiffeId });
    agent.sync();
    expect(agent.svids.get(id)).toBeUndefined();
    await agent.come(id);
    expect(agent.held(id).spiffeId).toBe(`spiffe://example.org/other/${id}`);
  });

  test('when it is cut off', async () => {
    const id = freshId();
    await world.entry(id);
    const agent = newSvidAgent(world, time);
    agent.sync();
    await agent.come(id);
    const before = agent.held(id).credential;
    await world.revoke({ kind: 'entry', value: id }, 'cutoff');
    expect(agent.held(id).credential).toBe(before);
    agent.sync();
    expect(agent.svids.get(id)).toBeUndefined();
    expect(agent.svids.standing(id)).toBe('coming');
    await agent.come(id);
    expect(agent.held(id).credential).not.toBe(before);
  });

  test('when a hold is released', async () => {
    const id = freshId();
    await world.entry(id);
    const agent = newSvidAgent(world, time);
    agent.sync();
    await agent.come(id);
    await world.revoke({ kind: 'identity', value: `spiffe://example.org/${id}` }, 'hold');
    agent.sync();
    expect(agent.svids.get(id)).toBeUndefined();
    expect(agent.svids.standing(id)).toBe('none');
    const revoked = world.it.facts('revoked').at(-1);
    await world.it.ledger.ledger.append({
      facts: [{ kind: 'revocation-released', id: revoked?.id ?? ('' as never), by: 'test' }],
    });
    agent.sync();
    await agent.come(id);
  });

  test('when the agent is another one', async () => {
    const id = freshId();
    await world.entry(id);
    const agent = newSvidAgent(world, time);
    agent.sync();
    await agent.come(id);
    const before = agent.held(id).credential;
    agent.agent = 'spiffe://example.org/mayfly/agent/join_token/renamed' as SpiffeId;
    agent.svids.update();
    await eventually(() => agent.held(id).credential !== before);
    expect(agent.held(id).agent).toBe(agent.agent);
  });
});

describe('dead', () => {
  test.each([
    ['the identity', (id: string) => ({ kind: 'identity', value: `spiffe://example.org/${id}` }) as const],
    ['a prefix', (id: string) => ({ kind: 'prefix', value: `spiffe://example.org/${id}` }) as const],
    ['the entry', (id: string) => ({ kind: 'entry', value: id }) as const],
  ])('the moment %s is revoked, without a call', async (_what, target) => {
    const [id, other] = [freshId(), freshId()];
    await world.entry(id);
    await world.entry(other);
    const agent = newSvidAgent(world, time);
    agent.sync();
    await agent.come(id, other);
    world.calls.x509.length = 0;
    agent.changed.length = 0;
    await world.revoke(target(id), 'cutoff', 'block');
    agent.sync();
    expect(agent.svids.get(id)).toBeUndefined();
    expect(agent.svids.standing(id)).toBe('none');
    expect(agent.svids.get(other)).toBeDefined();
    expect(agent.changed).toEqual([[id]]);
    expect(world.calls.x509).toEqual([]);
  });

  test('the moment its serial is revoked, and another takes its place', async () => {
    const id = freshId();
    await world.entry(id);
    const agent = newSvidAgent(world, time);
    agent.sync();
    await agent.come(id);
    const before = agent.held(id).credential;
    await world.revoke({ kind: 'credential', value: before }, 'cutoff');
    agent.sync();
    expect(agent.svids.get(id)).toBeUndefined();
    await agent.come(id);
    expect(agent.held(id).credential).not.toBe(before);
  });

  test('the moment the entry is gone', async () => {
    const id = freshId();
    await world.entry(id);
    const agent = newSvidAgent(world, time);
    agent.sync();
    await agent.come(id);
    await world.remove(id);
    agent.sync();
    expect(agent.svids.get(id)).toBeUndefined();
    expect(agent.svids.standing(id)).toBe('none');
    expect(agent.changed.at(-1)).toEqual([id]);
  });

  test('when it was revoked while it was on its way', async () => {
    const id = freshId();
    await world.entry(id);
    const { promise, resolve } = Promise.withResolvers<void>();
    const server: Pick<AgentServer, 'x509Svids'> = {
      x509Svids: async (items) => {
        const answers = await world.server.x509Svids(items);
        await promise;
        return answers;
      },
    };
    const agent = newSvidAgent(world, time, { server });
    agent.sync();
    await eventually(() => world.calls.x509.length === 1);
    await eventually(() => world.it.facts('issued').some(({ entry }) => entry === id));
    await world.revoke({ kind: 'entry', value: id }, 'cutoff', 'block');
    agent.sync();
    resolve();
    for (let turn = 0; turn < 20; turn += 1) await new Promise((go) => setImmediate(go));
    expect(agent.svids.get(id)).toBeUndefined();
  });

  test('all of them once the agent is told to forget', async () => {
    const id = freshId();
    await world.entry(id);
    const agent = newSvidAgent(world, time);
    agent.sync();
    await agent.come(id);
    agent.view.forget();
    agent.svids.clear();
    expect(agent.svids.all()).toEqual([]);
    expect(agent.svids.get(id)).toBeUndefined();
    expect(agent.changed.at(-1)).toEqual([id]);
    time.pass(4_000_000);
    expect(time.waiting()).toBe(0);
  });
});
