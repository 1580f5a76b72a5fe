import { FolderAgentState } from '../adapters/agent-state/agent-state.ts';
import type { StateFolder } from '../adapters/agent-state/folder.ts';
import { HttpAgentServer } from '../adapters/http-client/agent-server.ts';
import { systemEntropy } from '../adapters/system/entropy.ts';
import { IdentityKeeper } from '../agent/keep-identity.ts';
import { ServerTrust } from '../agent/server-trust.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { Delays, Timers } from '../ports/timers.ts';
import { evidenceOf } from './agent-evidence.ts';
import { trustAnchor } from './agent-trust.ts';
import type { AgentConfig } from './config.ts';

/** What makes an agent: its state, its trust in the server, its identity, and the connection to the server that uses them. */
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
