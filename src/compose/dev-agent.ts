import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { localAdminApi } from '../adapters/http-client/admin.ts';
import { systemTimers } from '../adapters/system/timers.ts';
import { type RunningAgent, startAgent } from './agent.ts';
import { configSchema } from './config-schema.ts';
import type { AgentConfig } from './config.ts';
import type { RunningServer } from './running-server.ts';

/** An agent that was banned in an earlier run never gets ready. */
const PATIENCE_MS = 10_000;
const NAME = 'dev';

/** When it serves, or has had time enough to. */
const settled = async (ready: Promise<void>): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = systemTimers.after(PATIENCE_MS, resolve);
  await Promise.race([ready, promise]);
  stop();
};

/** A token of minutes, for a folder that holds no identity: the first start, or one after a start that was cut short. */
const writeJoinToken = async (adminSocket: string, file: string): Promise<void> => {
  const request = { method: 'POST', path: '/v1/admin/join-tokens', body: { agent: NAME } } as const;
  const { token } = (await localAdminApi(adminSocket).call(request)).body as { readonly token: string };
  writeFileSync(file, token, { mode: 0o600 });
};

/**
 * The agent of `mayfly dev`, in the same process as its server, which it talks to as any other agent would: over mTLS, after a join
 * token. Resolves when it serves workloads. Linux only.
 */
export const startDevAgent = async ({ ready }: RunningServer, socket: string): Promise<RunningAgent> => {
  const stateDir = join(ready.dataDir, 'agent');
  const joinTokenFile = join(ready.dataDir, 'agent.join-token');
  if (!existsSync(join(stateDir, 'svid.json'))) await writeJoinToken(ready.adminSocket, joinTokenFile);
  const config = configSchema({ folder: ready.dataDir }).parse({
    trustDomain: ready.trustDomain,
    agent: {
      server: ready.api,
      stateDir,
      socket,
      trust: { bundleFile: ready.bundleFile },
      evidence: { joinTokenFile },
      metrics: { port: 0 },
    },
  });
  const agent = await startAgent(config as AgentConfig);
  await settled(agent.ready);
  return agent;
};
