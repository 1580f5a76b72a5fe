import { Refusal } from '../../../domain/refusal.ts';
import { syncLine } from '../../../formats/sync-line.ts';
import type { SyncDenial } from '../../../formats/sync-message.ts';
import type { Logger } from '../../../ports/logger.ts';
import type { AgentSighting } from '../../../usecases/agent-presence.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import { recordAgentDenials } from '../../../usecases/record-agent-denials.ts';
import type { Metrics } from '../metrics.ts';
import type { FeedListener } from './feed-listener.ts';
import type { AgentStream } from './agent-stream.ts';

/** How many denials of one agent may be on their way to the ledger. */
const MOST_PENDING = 512;

export interface ReportsParts {
  readonly issuer: Issuer;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly report: (sightings: readonly AgentSighting[]) => void;
}

const sightingOf = (stream: AgentStream): AgentSighting => ({
  agent: stream.agent,
  stream: stream.id,
  since: stream.since,
  seen: stream.seen,
  acknowledged: stream.acknowledged,
  ...(stream.behindSince !== undefined && { behindSince: stream.behindSince }),
  ...(!stream.isOpen && { gone: true as const }),
});

/** Passes on what agents report over the feed: presence, acknowledgements, and the callers that they gave no identity. */
export class AgentReports implements FeedListener {
  readonly #parts: ReportsParts;
  readonly #pending = new WeakMap<AgentStream, number>();

  constructor(parts: ReportsParts) {
    this.#parts = parts;
  }

  changed(streams: ReadonlySet<AgentStream>): void {
    this.#parts.report(Array.from(streams, sightingOf));
  }

  open(count: number): void {
    this.#parts.metrics.agents(count);
  }

  dropped(): void {
    this.#parts.metrics.agentDropped();
  }

  denied(stream: AgentStream, denials: readonly SyncDenial[]): void {
    const pending = (this.#pending.get(stream) ?? 0) + denials.length;
    if (pending > MOST_PENDING) throw new Refusal('rate_limited', 'it tells of more denials than it may');
    this.#pending.set(stream, pending);
    void this.#record(stream, denials).finally(() => {
      this.#pending.set(stream, (this.#pending.get(stream) ?? 0) - denials.length);
    });
  }

  async #record(stream: AgentStream, denials: readonly SyncDenial[]): Promise<void> {
    const { issuer, logger, metrics } = this.#parts;
    const { agent, serial, source } = stream;
    try {
      const { done, refused } = await recordAgentDenials(issuer, { agent, caller: serial, source }, denials);
      metrics.agentDenialsRefused(refused);
      if (done.length > 0) stream.send([syncLine({ type: 'recorded', ids: done })]);
    } catch (error) {
      logger.error('denials of an agent were not recorded', {
        error: Error.isError(error) ? error.message : 'unknown',
      });
    }
  }
}
