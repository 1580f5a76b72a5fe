import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { MetricObjectWithValues, MetricValue } from 'prom-client';

/** Seconds: from a cache hit to a client's patience. */
const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** The numbers of one thread in a form that goes through a message port. */
export type SerialisedMetrics = readonly MetricObjectWithValues<MetricValue<string>>[];

interface Shed {
  readonly labels: {
    readonly listener: string;
    readonly method: string;
    readonly route: string;
    readonly status: number;
  };
  count: number;
}

/**
 * The numbers of one front end. Labels name routes, codes and kinds: never a person, a workload, an address or an id, so
 * that their number is bounded and nothing personal is kept.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #shed: Shed[] = [];
  readonly #requests = new Counter({
    name: 'mayfly_http_requests_total',
    help: 'Requests answered, by route and status.',
    labelNames: ['listener', 'method', 'route', 'status'] as const,
    registers: [this.#registry],
  });
  readonly #latency = new Histogram({
    name: 'mayfly_http_request_seconds',
    help: 'From the first byte of a request to its answer.',
    labelNames: ['listener', 'method', 'route'] as const,
    buckets: LATENCY_BUCKETS,
    registers: [this.#registry],
  });
  readonly #issued = new Counter({
    name: 'mayfly_credentials_issued_total',
    help: 'Credentials put on record to be issued, by kind.',
    labelNames: ['credential'] as const,
    registers: [this.#registry],
  });
  readonly #refused = new Counter({
    name: 'mayfly_refusals_total',
    help: 'Requests refused, by code.',
    labelNames: ['listener', 'code'] as const,
    registers: [this.#registry],
  });
  readonly #append = new Histogram({
    name: 'mayfly_ledger_append_seconds',
    help: 'From handing facts to the ledger until they are durable.',
    buckets: LATENCY_BUCKETS,
    registers: [this.#registry],
  });
  readonly #connections = new Gauge({
    name: 'mayfly_http_connections',
    help: 'Connections open now.',
    labelNames: ['listener'] as const,
    registers: [this.#registry],
  });
  readonly #inFlight = new Gauge({
    name: 'mayfly_http_requests_in_flight',
    help: 'Requests at work now.',
    registers: [this.#registry],
  });

  readonly #agents = new Gauge({
    name: 'mayfly_agent_streams',
    help: 'Agents that follow the feed now, by connection.',
    registers: [this.#registry],
  });
  readonly #agentStates = new Gauge({
    name: 'mayfly_agents',
    help: 'Agents that are connected, that owe an acknowledgement for longer than a moment, and that stopped renewing their SVID without being connected.',
    labelNames: ['state'] as const,
    registers: [this.#registry],
  });
  readonly #agentsDropped = new Counter({
    name: 'mayfly_agent_streams_dropped_total',
    help: 'Agents that were dropped from the feed: slow, silent, or saying what they must not.',
    registers: [this.#registry],
  });

  readonly #agentDenialsRefused = new Counter({
    name: 'mayfly_agent_denials_refused_total',
    help: 'Denials that agents told of and that were not recorded: too old, or under an id that was used before.',
    registers: [this.#registry],
  });

  /** Counts requests that are turned away as soon as they come; they are added to the others when somebody asks. */
  shedding(listener: string, method: string, route: string, status: number): () => void {
    const shed = { labels: { listener, method, route, status }, count: 0 };
    this.#shed.push(shed);
    return () => {
      shed.count += 1;
    };
  }

  /** One answered request. `route` is the pattern, not the path. */
  request(listener: string, method: string, route: string, status: number, milliseconds: number): void {
    this.#requests.inc({ listener, method, route, status });
    this.#latency.observe({ listener, method, route }, milliseconds / 1000);
  }

  refused(listener: string, code: string): void {
    this.#refused.inc({ listener, code });
  }

  issued(credential: string, count = 1): void {
    this.#issued.inc({ credential }, count);
  }

  appended(milliseconds: number): void {
    this.#append.observe(milliseconds / 1000);
  }

  connections(listener: string, open: number): void {
    this.#connections.set({ listener }, open);
  }

  agents(open: number): void {
    this.#agents.set(open);
  }

  agentState(state: 'connected' | 'lagging' | 'stopped_renewing', count: number): void {
    this.#agentStates.set({ state }, count);
  }

  agentDropped(): void {
    this.#agentsDropped.inc();
  }

  agentDenialsRefused(count: number): void {
    this.#agentDenialsRefused.inc(count);
  }

  inFlight(count: number): void {
    this.#inFlight.set(count);
  }

  serialise(): Promise<SerialisedMetrics> {
    for (const shed of this.#shed.filter(({ count }) => count > 0)) {
      this.#requests.inc(shed.labels, shed.count);
      this.#refused.inc({ listener: shed.labels.listener, code: 'busy' }, shed.count);
      shed.count = 0;
    }
    return this.#registry.getMetricsAsJSON();
  }
}

/** The numbers of all front ends together, in Prometheus' text form: counters and gauges are summed. */
export const aggregateMetrics = (parts: readonly SerialisedMetrics[]): Promise<string> =>
  AggregatorRegistry.aggregate(parts.map((part) => [...part])).metrics();

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;
