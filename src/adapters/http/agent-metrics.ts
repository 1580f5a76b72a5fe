import { Counter, Gauge, Registry } from 'prom-client';

/** How an agent stands, read when somebody asks. */
export interface AgentNumbers {
  /** Whether the feed of the server is open. */
  readonly connected: boolean;
  /** Since the server was last heard; absent before the first time. */
  readonly secondsSinceHeard?: number;
  /** Until the agent's own SVID ends; absent while it has none. */
  readonly ownSvidSeconds?: number;
  readonly entries: number;
  /** X.509-SVIDs that are held for workloads. */
  readonly svids: number;
  /** Until the first of them ends; absent while there is none. */
  readonly soonestExpirySeconds?: number;
  readonly connections: number;
  /** Denials that were forgotten before the server heard of them, since the start. */
  readonly denialsDropped: number;
}

/** The numbers of an agent. The one label names attestors: never a workload, so that their number is bounded. */
export class AgentMetrics {
  readonly #registry = new Registry();
  readonly #attestorFailures = new Counter({
    name: 'mayfly_agent_attestor_failures_total',
    help: 'Times that an attestor of workloads could not tell.',
    labelNames: ['attestor'] as const,
    registers: [this.#registry],
  });

  constructor(read: () => AgentNumbers) {
    const gauge = (name: string, help: string, value: (numbers: AgentNumbers) => number | undefined): void => {
      const held: Gauge = new Gauge({
        name: `mayfly_agent_${name}`,
        help,
        registers: [this.#registry],
        collect: () => {
          const now = value(read());
          if (now === undefined) held.remove();
          else held.set(now);
        },
      });
    };
    gauge('connected', '1 while the feed of the server is open.', ({ connected }) => Number(connected));
    gauge('heard_seconds', 'Since the server was last heard.', ({ secondsSinceHeard }) => secondsSinceHeard);
    gauge('own_svid_seconds', 'Until the SVID of the agent itself ends.', ({ ownSvidSeconds }) => ownSvidSeconds);
    gauge('entries', 'Entries that the agent serves.', ({ entries }) => entries);
    gauge('svids', 'X.509-SVIDs held for workloads.', ({ svids }) => svids);
    gauge('soonest_expiry_seconds', 'Until the first X.509-SVID held ends.', (now) => now.soonestExpirySeconds);
    gauge('connections', 'Connections of workloads open now.', ({ connections }) => connections);
    const dropped: Counter = new Counter({
      name: 'mayfly_agent_denials_dropped_total',
      help: 'Denials that were forgotten before the server heard of them.',
      registers: [this.#registry],
      collect: () => {
        dropped.reset();
        dropped.inc(read().denialsDropped);
      },
    });
  }

  attestorFailed(attestor: string): void {
    this.#attestorFailures.inc({ attestor });
  }

  /** In Prometheus' text form. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
