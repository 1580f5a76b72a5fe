import type { AgentServer } from '../../src/ports/agent-server.ts';
import { agentForEachTest, freshId } from '../support/agent-holdings.ts';
import type { AgentWorld } from '../support/agent-world.ts';
import type { ManualTime } from '../support/manual-time.ts';
import { newSvidAgent } from '../support/svid-agent.ts';

let world: AgentWorld;
let time: ManualTime;
agentForEachTest((...all) => {
  [world, time] = all;
});

test('an answer that comes after the stop changes nothing, and leaves no timer', async () => {
  const id = freshId();
  await world.entry(id);
  const asked = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const server: Pick<AgentServer, 'x509Svids'> = {
    x509Svids: async (items) => {
      const given = await world.server.x509Svids(items);
      asked.resolve();
      await goOn.promise;
      return given;
    },
  };
  const agent = newSvidAgent(world, time, { server });
  agent.sync();
  await asked.promise;
  agent.svids.stop();
  goOn.resolve();
  for (let turn = 0; turn < 5; turn += 1) await new Promise((go) => setImmediate(go));
  expect([agent.svids.get(id), agent.changed, time.waiting()]).toEqual([undefined, [], 0]);
});
