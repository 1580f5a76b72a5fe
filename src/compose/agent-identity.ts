import { join } from 'node:path';
import { removeSealedFile, sealedFile } from '../adapters/agent-cache/sealed-file.ts';
import { FolderAgentState } from '../adapters/agent-state/agent-state.ts';
import type { StateFolder } from '../adapters/agent-state/folder.ts';
import { HttpAgentServer } from '../adapters/http-client/agent-server.ts';
import { readSealKey } from '../adapters/keys/seal-key.ts';
import { systemEntropy } from '../adapters/system/entropy.ts';
import { IdentityKeeper } from '../agent/keep-identity.ts';
import { ServerTrust } from '../agent/server-trust.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { HoldingsCache } from '../ports/holdings-cache.ts';
import type { Logger } from '../ports/logger.ts';
import type { Delays, Timers } from '../ports/timers.ts';
import { evidenceOf } from './agent-evidence.ts';
import { trustAnchor } from './agent-trust.ts';
import type { AgentConfig } from './config.ts';

/** Nobody asks for what was kept any more, and it may not lie there until somebody finds the key. */
const forgetKept = async (path: string, logger: Logger): Promise<void> => {
  try {
    if (await removeSealedFile(path))
      logger.info('removed what was kept over a restart: there is no cacheKey', { path });
  } catch (error) {
    logger.warn('what was kept over a restart cannot be removed', { path, problem: (error as Error).message });
  }
};

/** What outlives a restart of the agent, where there is a key for it; otherwise what did is removed. */
export const openCache = async (
  { trustDomain, agent, credentials }: AgentConfig,
  entropy: Entropy,
  logger: Logger,
): Promise<{ readonly cache?: HoldingsCache }> => {
  const path = join(agent.stateDir, 'holdings.sealed');
  if (agent.cacheKey === undefined) {
    await forgetKept(path, logger);
    return {};
  }
  const key = readSealKey(agent.cacheKey, { what: 'cache key', credentials });
  return { cache: sealedFile({ path, key, trustDomain, entropy, logger }) };
};

/** The agent's own part: state, trust, identity, and the server as it is seen with them. */
export const openIdentity = (
  config: AgentConfig,
  folder: StateFolder,
  clock: Clock,
  timers: Timers & Delays,
  logger: Logger,
) => {
  const { trustDomain, agent } = config;
  const entropy = systemEntropy();
  const urls = agent.server.map((url) => new URL(url));
  const state = new FolderAgentState(folder);
  const trust = new ServerTrust({ trustDomain, state, anchor: trustAnchor(config, urls, timers) });
  const server = new HttpAgentServer({
    urls,
    trustDomain,
    trust: () => trust.roots(),
    identity: () => identity.current(),
    settled: () => identity.settled(),
    clock,
    delays: timers,
  });
  const evidence = evidenceOf(config);
  const identity: IdentityKeeper = new IdentityKeeper({
    trustDomain,
    server,
    state,
    trust,
    clock,
    timers,
    entropy,
    logger,
    ...(evidence && { evidence }),
  });
  return { state, trust, server, identity, entropy };
};

export type OpenIdentity = ReturnType<typeof openIdentity>;
