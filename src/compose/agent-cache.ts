import { join } from 'node:path';
import { removeSealedFile, sealedFile } from '../adapters/agent-cache/sealed-file.ts';
import { readSealKey } from '../adapters/keys/seal-key.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { HoldingsCache } from '../ports/holdings-cache.ts';
import type { Logger } from '../ports/logger.ts';
import type { AgentConfig } from './config.ts';

/** Without `cacheKey` nobody reads the file any more, and it must not lie there until somebody finds its key. */
const forgetKept = async (path: string, logger: Logger): Promise<void> => {
  try {
    if (await removeSealedFile(path))
      logger.info('removed what was kept over a restart: there is no cacheKey', { path });
  } catch (error) {
    logger.warn('what was kept over a restart cannot be removed', { path, problem: (error as Error).message });
  }
};

/** The cache of what the agent holds, when `cacheKey` is configured; otherwise a cache from before is removed. */
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
