import type { AgentServer } from '../../src/ports/agent-server.ts';
import { runAuthorityOperation } from '../../src/usecases/manage-authorities.ts';
import { FORCED } from '../support/authorities.ts';
import { agentForEachTest, freshId } from '../support/agent-holdings.ts';
import type { AgentWorld } from '../support/agent-world.ts';
import { eventually, type ManualTime } from '../support/manual-time.ts';
import { newSvidAgent } from '../support/svid-agent.ts';

/** Answers that come when something else holds by then. */
let world: AgentWorld;
let time: ManualTime;
agentForEachTest((...all) => {
  [world, time] = all;
});

test('what was asked for under a bundle that is gone when it comes is asked for again at once', async () => {
  const id = freshId();
  await world.entry(id);
  const gate = Promise.withResolvers<void>();
  const server: Pick<AgentServer, 'x509Svids'> = {
    x509Svids: async (items) => {
      const answers = await world.server.x509Svids(items);
      await gate.promise;
      return answers;
    },
  };
  const agent = newSvidAgent(world, time, { server });
  agent.sync();
  await eventually(() => world.it.facts('issued').some(({ entry }) => entry === id));
  const [ca] = world.it.ledger.views.authorities.list('x509-issuing').filter(({ state }) => state === 'active');
  await runAuthorityOperation(world.it.keeper, { kind: 'taint', id: ca?.id ?? '' }, FORCED);
  agent.sync();
  gate.resolve();
  // No time passes.
  await agent.come(id);
  expect(world.calls.x509).toEqual([1, 1]);
});
