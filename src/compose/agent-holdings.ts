import { holdWorkload } from '../adapters/system/workload-process.ts';
import { workloadAttestation } from '../agent/attest-workload.ts';
import { ServerFollower } from '../agent/follow-server.ts';
import { Holdings } from '../agent/holdings.ts';
import { parseSpiffeId } from '../domain/spiffe-id.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { Delays, Timers } from '../ports/timers.ts';
import { openCache } from './agent-cache.ts';
import type { OpenIdentity } from './agent-identity.ts';
import type { AgentConfig } from './config.ts';
import { workloadAttestors } from './workload-attestors.ts';

/** What an agent works with that a test may exchange. */
export interface AgentWorld {
  readonly clock: Clock;
  readonly timers: Timers & Delays;
  readonly logger: Logger;
}

/** Who this agent is: what it holds is replaced when that changes, and void when it is taken back. */
const watchIdentity = ({ identity }: OpenIdentity, holdings: Holdings): void => {
  identity.watch({
    identity: (svid) => {
      if (svid) holdings.agentIs(parseSpiffeId(svid.spiffeId));
    },
    revoked: () => {
      void holdings.forgetAll();
    },
  });
};

/**
 * What the agent holds for its workloads, as it was before a restart where that was kept, and the follower that is to keep it like the
 * server's. `failed` is told each time that an attestor could not tell.
 */
export const openHoldings = async (
  config: AgentConfig,
  own: OpenIdentity,
  { clock, timers, logger }: AgentWorld,
  failed: (attestor: string) => void,
): Promise<{ readonly holdings: Holdings; readonly follower: ServerFollower }> => {
  const { state, trust, server, identity, entropy } = own;
  const { preSigned, maxOffline } = config.agent;
  const kept = await openCache(config, entropy, logger);
  const common = { server, clock, delays: timers, entropy, logger };

  const attest = workloadAttestation({
    attestors: workloadAttestors(config, { clock, delays: timers, wanted: (prefix) => holdings.wants(prefix) }),
    clock,
    delays: timers,
    logger,
    failed,
  });
  const holdings: Holdings = new Holdings({
    ...common,
    say: (message) => follower.say(message),
    hold: holdWorkload,
    attest,
    maxSvids: preSigned,
    ...(maxOffline !== undefined && { maxOffline }),
    ...kept,
  });
  const follower: ServerFollower = new ServerFollower({ ...common, identity, state, trust, sink: holdings });

  watchIdentity(own, holdings);
  await holdings.restore();
  const svid = identity.current();
  if (svid) holdings.agentIs(parseSpiffeId(svid.spiffeId));
  return { holdings, follower };
};
