import { StateFolder } from '../adapters/agent-state/folder.ts';
import { AgentMetrics } from '../adapters/http/agent-metrics.ts';
import { createSecretService } from '../adapters/sds/secret-service.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { systemLogger } from '../adapters/system/logger.ts';
import { openFileLimit } from '../adapters/system/open-files.ts';
import { peerCredentials } from '../adapters/system/peer-credentials.ts';
import { systemTimers } from '../adapters/system/timers.ts';
import { createWorkloadApi, type WorkloadApi } from '../adapters/workload-api/workload-api.ts';
import type { Holdings } from '../agent/holdings.ts';
import { type AgentWorld, openHoldings } from './agent-holdings.ts';
import { openIdentity } from './agent-identity.ts';
import { openOperations, watchReadiness } from './agent-operations.ts';
import { agentReadiness } from './agent-readiness.ts';
import type { AgentConfig } from './config.ts';
import { socketLimit } from './connection-limit.ts';

export interface AgentOverrides extends Partial<AgentWorld> {
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

/** The socket of the Workload API and of SDS, which listens. */
const openSocket = async (
  config: AgentConfig,
  { sessions }: Holdings,
  { timers, logger }: AgentWorld,
): Promise<WorkloadApi> => {
  const { agent } = config;
  const secrets = createSecretService({
    names: namesOf(config),
    validation: agent.sds.spiffeValidator ? 'spiffe' : 'trusted_ca',
    logger,
  });
  const workloadApi = createWorkloadApi({
    sessions,
    peerUid: (descriptor) => peerCredentials(descriptor).uid,
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
  return workloadApi;
};

const serve = async (config: AgentConfig, overrides: AgentOverrides, folder: StateFolder): Promise<RunningAgent> => {
  const { clock = systemClock, timers = systemTimers, logger = systemLogger() } = overrides;
  const world: AgentWorld = { clock, timers, logger };
  const own = openIdentity(config, folder, clock, timers, logger);
  const { identity, server } = own;
  const metrics: AgentMetrics = new AgentMetrics(() => readiness.numbers());
  const { holdings, follower } = await openHoldings(config, own, world, (attestor) => metrics.attestorFailed(attestor));
  const workloadApi = await openSocket(config, holdings, world);
  const connections = (): number => workloadApi.connections();
  const readiness = agentReadiness({ identity, holdings, follower, clock, connections });
  const operations = await openOperations(config, metrics, readiness, timers).catch(async (error: unknown) => {
    await workloadApi.close();
    throw error;
  });
  const watch = watchReadiness(readiness, timers, (reasons) => {
    workloadApi.setServing(reasons.length === 0);
    overrides.onHealth?.(reasons);
  });

  const ending = new AbortController();
  identity.start();
  const following = follower.run(ending.signal);
  logger.info('listening', { workloadSocket: config.agent.socket });

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    watch.stop();
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
    workloadSocket: config.agent.socket,
    metrics: operations.url,
    spiffeId: () => identity.current()?.spiffeId,
    ready: watch.ready,
    fatal: new Promise(() => undefined),
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
};
