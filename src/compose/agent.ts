import { StateFolder } from '../adapters/agent-state/folder.ts';
import { agentApp } from '../adapters/http/agent-app.ts';
import { AgentMetrics } from '../adapters/http/agent-metrics.ts';
import { createHttpServer } from '../adapters/http/server.ts';
import { createSecretService } from '../adapters/sds/secret-service.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { systemLogger } from '../adapters/system/logger.ts';
import { openFileLimit } from '../adapters/system/open-files.ts';
import { peerCredentials } from '../adapters/system/peer-credentials.ts';
import { systemTimers } from '../adapters/system/timers.ts';
import { holdWorkload } from '../adapters/system/workload-process.ts';
import { createWorkloadApi } from '../adapters/workload-api/workload-api.ts';
import { workloadAttestation } from '../agent/attest-workload.ts';
import { ServerFollower } from '../agent/follow-server.ts';
import { Holdings } from '../agent/holdings.ts';
import { parseSpiffeId } from '../domain/spiffe-id.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { Delays, Timers } from '../ports/timers.ts';
import { openCache, openIdentity } from './agent-identity.ts';
import { agentReadiness } from './agent-readiness.ts';
import type { AgentConfig } from './config.ts';
import { socketLimit } from './connection-limit.ts';
import { workloadAttestors } from './workload-attestors.ts';

export interface AgentOverrides {
  readonly clock?: Clock;
  readonly timers?: Timers & Delays;
  readonly logger?: Logger;
  /** Told every second why workloads are not served; nothing when they are. */
  readonly onHealth?: (reasons: readonly string[]) => void;
}

export interface RunningAgent {
  readonly trustDomain: string;
  readonly workloadSocket: string;
  /** `http://<loopback>:<port>`: probes and metrics. */
  readonly metrics: string;
  /** The agent's own SPIFFE ID, once it has one. */
  spiffeId(): string | undefined;
  /** Resolves when workloads are served for the first time; never when that does not come. */
  readonly ready: Promise<void>;
  /** Tells workloads to come again, and ends (DEC-37). A second call gives the first one's promise. */
  stop(): Promise<void>;
  /** Never, as yet: an agent outlives whatever it meets. */
  readonly fatal: Promise<Error>;
}

const HEALTH_MS = 1000;
/** Until it is ready for the first time: who waits for that waits no longer than this beyond. */
const EAGER_MS = 50;

/** Only what callers of this machine can be told by is served, so this is for Linux. */
const checkPlatform = (): void => {
  if (process.platform !== 'linux') throw new Error('the agent runs on Linux: only there callers can be known');
};

const namesOf = ({ agent: { sds } }: AgentConfig) => ({
  defaultSvid: sds.svidName,
  defaultBundle: sds.bundleName,
  allBundles: sds.allBundlesName,
});

/**
 * Starts the agent of a node; resolves when it listens. Until it is `ready`, callers are told to come again. Rejects with a
 * sentence for the operator when it must not start: another agent has the folder or the socket, a file is damaged or open to
 * others.
 */
export const startAgent = async (config: AgentConfig, overrides: AgentOverrides = {}): Promise<RunningAgent> => {
  checkPlatform();
  const folder = new StateFolder(config.agent.stateDir);
  try {
    return await serve(config, overrides, folder);
  } catch (error) {
    folder.close();
    throw error;
  }
};

const serve = async (config: AgentConfig, overrides: AgentOverrides, folder: StateFolder): Promise<RunningAgent> => {
  const { clock = systemClock, timers = systemTimers, logger = systemLogger() } = overrides;
  const { agent } = config;
  const { state, trust, server, identity, entropy } = openIdentity(config, folder, clock, timers, logger);

  const kept = await openCache(config, entropy, logger);

  const attest = workloadAttestation({
    attestors: workloadAttestors(config, { clock, delays: timers, wanted: (prefix) => holdings.wants(prefix) }),
    clock,
    delays: timers,
    logger,
    failed: (attestor) => metrics.attestorFailed(attestor),
  });
  const holdings: Holdings = new Holdings({
    server,
    say: (message) => follower.say(message),
    hold: holdWorkload,
    attest,
    clock,
    delays: timers,
    entropy,
    logger,
    maxSvids: agent.preSigned,
    ...(agent.maxOffline !== undefined && { maxOffline: agent.maxOffline }),
    ...kept,
  });
  const follower: ServerFollower = new ServerFollower({
    server,
    identity,
    state,
    trust,
    sink: holdings,
    clock,
    delays: timers,
    entropy,
    logger,
  });
  identity.watch({
    identity: (svid) => {
      if (svid) holdings.agentIs(parseSpiffeId(svid.spiffeId));
    },
    revoked: () => holdings.forgetAll(),
  });
  await holdings.restore();
  const own = identity.current();
  if (own) holdings.agentIs(parseSpiffeId(own.spiffeId));

  const secrets = createSecretService({
    names: namesOf(config),
    validation: agent.sds.spiffeValidator ? 'spiffe' : 'trusted_ca',
    logger,
  });
  const workloadApi = createWorkloadApi({
    sessions: holdings.sessions,
    peerUid: (descriptor) => peerCredentials(descriptor).uid,
    entropy,
    delays: timers,
    logger,
    services: [secrets],
    limits: {
      connections: socketLimit(agent.limits.connections, openFileLimit()),
      connectionsPerUid: agent.limits.connectionsPerUser,
    },
    socketMode: agent.socketMode,
  });
  await workloadApi.listen(agent.socket);

  const readiness = agentReadiness({
    identity,
    holdings,
    follower,
    clock,
    connections: () => workloadApi.connections(),
  });
  const metrics: AgentMetrics = new AgentMetrics(() => readiness.numbers());
  const operations = createHttpServer({
    app: agentApp({ metrics: () => metrics.text(), reasons: () => readiness.reasons() }),
    delays: timers,
  });
  const { address, port } = agent.metrics;
  let metricsPort: number;
  try {
    metricsPort = await operations.listen({ host: address, port });
  } catch (error) {
    await workloadApi.close();
    throw error;
  }

  const ready = Promise.withResolvers<void>();
  const look = (): void => {
    const reasons = readiness.reasons();
    workloadApi.setServing(reasons.length === 0);
    if (reasons.length === 0) ready.resolve();
    overrides.onHealth?.(reasons);
  };
  const stopEager = timers.repeat(EAGER_MS, () => {
    if (readiness.reasons().length > 0) return;
    stopEager();
    look();
  });
  const stopLooking = timers.repeat(HEALTH_MS, look);

  const ending = new AbortController();
  identity.start();
  const following = follower.run(ending.signal);
  logger.info('listening', { workloadSocket: agent.socket });

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopEager();
    stopLooking();
    await workloadApi.close();
    ending.abort();
    identity.stop();
    await Promise.all([following, operations.close(), holdings.stop()]);
    server.close();
    folder.close();
    logger.info('stopped');
  };
  return {
    trustDomain: config.trustDomain,
    workloadSocket: agent.socket,
    metrics: `http://${address.includes(':') ? `[${address}]` : address}:${metricsPort}`,
    spiffeId: () => identity.current()?.spiffeId,
    ready: ready.promise,
    fatal: new Promise(() => undefined),
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
};
