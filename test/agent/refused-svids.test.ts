import type { AgentServer } from '../../src/ports/agent-server.ts';
import { agentForEachTest, freshId } from '../support/agent-holdings.ts';
import type { AgentWorld } from '../support/agent-world.ts';
import { eventually, type ManualTime } from '../support/manual-time.ts';
import { newSvidAgent } from '../support/svid-agent.ts';

/** What the server refuses, or answers amiss. */

let world: AgentWorld;
let time: ManualTime;
agentForEachTest((...all) => {
  [world, time] = all;
});

const REFUSED = { refused: { code: 'revoked', detail: 'held' } } as const;

describe('refused', () => {
  test('an entry that the server gives nothing for is not asked for again until something changes', async () => {
    const [id, other] = [freshId(), freshId()];
    await world.entry(id);
    await world.entry(other);
    const agent = newSvidAgent(world, time);
    const { parts, cursor } = world.state();
    await world.remove(id);
    agent.view.begin(true);
    for (const part of parts) agent.view.tell(part);
    agent.svids.update(agent.view.commit(cursor));
    await agent.come(other);
    await eventually(() => agent.svids.standing(id) === 'none');
    world.calls.x509.length = 0;
    time.pass(200_000);
    expect(world.calls.x509).toEqual([]);
    agent.sync();
    expect(agent.svids.standing(id)).toBe('none');
  });

  test('a refusal of before a word of the server says nothing about the next attempt', async () => {
    const id = freshId();
    await world.entry(id);
    const asked = Promise.withResolvers<void>();
    const told = Promise.withResolvers<void>();
    let calls = 0;
    const server: Pick<AgentServer, 'x509Svids'> = {
      x509Svids: async (items) => {
        calls += 1;
        if (calls > 1) return world.server.x509Svids(items);
        asked.resolve();
        await told.promise;
        return items.map(() => REFUSED);
      },
    };
    const agent = newSvidAgent(world, time, { server });
    agent.sync();
    await asked.promise;
    // Held and released on the server: what is told is as it was, at a later place.
    await world.entry(freshId());
    agent.sync();
    told.resolve();
    await agent.come(id);
  });

  test('what was refused is asked for again at the next word of the server', async () => {
    const id = freshId();
    await world.entry(id);
    let calls = 0;
    const server: Pick<AgentServer, 'x509Svids'> = {
      x509Svids: async (items) => {
        calls += 1;
        if (calls > 1) return world.server.x509Svids(items);
        return items.map(() => REFUSED);
      },
    };
    const agent = newSvidAgent(world, time, { server });
    agent.sync();
    await eventually(() => agent.svids.standing(id) === 'none');
    agent.sync();
    await agent.come(id);
  });

  test('an answer for another key or another SPIFFE ID is not taken', async () => {
    const [id, other] = [freshId(), freshId()];
    await world.entry(id);
    await world.entry(other);
    let answers = 0;
    const server: Pick<AgentServer, 'x509Svids'> = {
      x509Svids: async (items) => {
        const given = await world.server.x509Svids(items);
        answers += 1;
        return [...given].reverse();
      },
    };
    const agent = newSvidAgent(world, time, { server });
    agent.sync();
    await eventually(() => answers === 1 && agent.svids.standing(id) === 'coming');
    for (let turn = 0; turn < 5; turn += 1) await new Promise((go) => setImmediate(go));
    expect(agent.svids.all()).toEqual([]);
  });
});
