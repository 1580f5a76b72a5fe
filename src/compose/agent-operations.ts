import { agentApp } from '../adapters/http/agent-app.ts';
import type { AgentMetrics } from '../adapters/http/agent-metrics.ts';
import { createHttpServer } from '../adapters/http/server.ts';
import type { Delays, Timers } from '../ports/timers.ts';
import type { AgentReadiness } from './agent-readiness.ts';
import type { AgentConfig } from './config.ts';

/** The listener of probes and metrics. */
export interface AgentOperations {
  /** `http://<loopback>:<port>` */
  readonly url: string;
  close(): Promise<void>;
}

/** Rejects when it cannot listen. */
export const openOperations = async (
  { agent: { metrics: place } }: AgentConfig,
  metrics: AgentMetrics,
  readiness: AgentReadiness,
  delays: Delays,
): Promise<AgentOperations> => {
  const { address } = place;
  const server = createHttpServer({
    app: agentApp({ metrics: () => metrics.text(), reasons: () => readiness.reasons() }),
    delays,
  });
  const port = await server.listen({ host: address, port: place.port });
  return { url: `http://${address.includes(':') ? `[${address}]` : address}:${port}`, close: () => server.close() };
};

const HEALTH_MS = 1000;
/** Until it is ready for the first time: who waits for that waits no longer than this beyond. */
const EAGER_MS = 50;

/** Looks every second whether workloads are served, and says why not; until they are for the first time, it looks more often. */
export const watchReadiness = (
  readiness: AgentReadiness,
  timers: Timers,
  told: (reasons: readonly string[]) => void,
): { readonly ready: Promise<void>; stop(): void } => {
  const ready = Promise.withResolvers<void>();
  const look = (): void => {
    const reasons = readiness.reasons();
    if (reasons.length === 0) ready.resolve();
    told(reasons);
  };
  const stopEager = timers.repeat(EAGER_MS, () => {
    if (readiness.reasons().length > 0) return;
    stopEager();
    look();
  });
  const stopLooking = timers.repeat(HEALTH_MS, look);
  return {
    ready: ready.promise,
    stop: () => {
      stopEager();
      stopLooking();
    },
  };
};
