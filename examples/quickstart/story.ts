import { askAgent } from './ask-agent.ts';
import { callShop, openShop } from './call.ts';
import { obtain } from './obtain.ts';
import { register } from './register.ts';
import type { Reporter } from './reporter.ts';
import { revoke } from './revoke.ts';
import type { ServerProcess } from './server-process.ts';
import { setStage } from './stage.ts';
import type { Stage } from './stage.ts';

export interface Told {
  readonly stage: Stage;
  /** The refusal that the next steps invite to explain. */
  readonly decision: string;
  /** Ends what the story started beside the server. */
  close(): Promise<void>;
}

/** The whole story, from an empty folder to a refused token. Rejects with a sentence when a step gives something else. */
export const tellStory = async (reporter: Reporter, server: ServerProcess, folder: string): Promise<Told> => {
  const stage = await setStage(reporter, server, folder);
  const joinTokens = await register(reporter, stage);
  const obtained = await obtain(reporter, stage, joinTokens.app);
  await askAgent(reporter, stage);
  const shop = await openShop(reporter, stage, obtained, joinTokens.orders);
  await callShop(reporter, shop, obtained);
  const decision = await revoke(reporter, stage, obtained, shop);
  return { stage, decision, close: () => shop.api.close() };
};
