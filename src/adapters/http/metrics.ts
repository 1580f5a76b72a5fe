import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { MetricObjectWithValues, MetricValue } from 'prom-client';

/** Seconds: from a cache hit to a client's patience. */
const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** The numbers of one thread in a form that goes through a message port. */
export type SerialisedMetrics = readonly MetricObjectWithValues<MetricValue<string>>[];

interface RequestLabels {
  readonly listener: string;
  readonly method: string;
  readonly route: string;
  readonly status: number;
}

/** Requests that were not added to the counter yet: that costs a microsecond, mostly for the labels. */
interface Tally {
  readonly labels: RequestLabels;
  readonly isShed: boolean;
  count: number;
}

/** Counts one answered request of a route. */
export type RequestCounter = (status: number, milliseconds: number) => void;

/**
 * The numbers of one front end. Labels name routes, codes and kinds: never a person, a workload, an address or an id, so
 * that their number is bounded and nothing personal is kept.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #tallies: Tally[] = [];
  readonly #issuedSince = new Map<string, number>();
  #atWork = 0;
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
    const tally = this.#tally({ listener, method, route, status }, true);
    return () => {
      tally.count += 1;
    };
  }

  /** What counts the requests of one route. `route` is the pattern, not the path. */
  requests(listener: string, method: string, route: string): RequestCounter {
    const labels = { listener, method, route };
    const byStatus = new Map<number, Tally>();
    return (status, milliseconds) => {
      let tally = byStatus.get(status);
      if (tally === undefined) {
        tally = this.#tally({ ...labels, status }, false);
        byStatus.set(status, tally);
      }
      tally.count += 1;
      this.#latency.observe(labels, milliseconds / 1000);
    };
  }

  refused(listener: string, code: string): void {
    this.#refused.inc({ listener, code });
  }

  issued(credential: string, count = 1): void {
    this.#issuedSince.set(credential, (this.#issuedSince.get(credential) ?? 0) + count);
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
    this.#atWork = count;
  }

  serialise(): Promise<SerialisedMetrics> {
    for (const tally of this.#tallies) {
      if (tally.count === 0) continue;
      this.#requests.inc(tally.labels, tally.count);
      if (tally.isShed) this.#refused.inc({ listener: tally.labels.listener, code: 'busy' }, tally.count);
      tally.count = 0;
    }
    for (const [credential, count] of this.#issuedSince) this.#issued.inc({ credential }, count);
    this.#issuedSince.clear();
    this.#inFlight.set(this.#atWork);
    return this.#registry.getMetricsAsJSON();
  }

  #tally(labels: RequestLabels, isShed: boolean): Tally {
    const tally = { labels, isShed, count: 0 };
    this.#tallies.push(tally);
    return tally;
  }
}

/** The numbers of all front ends together, in Prometheus' text form: counters and gauges are summed. */
export const aggregateMetrics = (parts: readonly SerialisedMetrics[]): Promise<string> =>
  AggregatorRegistry.aggregate(parts.map((part) => [...part])).metrics();

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;
