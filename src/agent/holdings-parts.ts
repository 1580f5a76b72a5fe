import type { Cursor } from '../domain/cursor.ts';
import type { AgentMessage } from '../formats/sync-message.ts';
import type { AgentServer } from '../ports/agent-server.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { HoldingsCache } from '../ports/holdings-cache.ts';
import type { Logger } from '../ports/logger.ts';
import type { Delays } from '../ports/timers.ts';
import type { WorkloadProcess } from '../ports/workload-attestor.ts';
import type { AttestWorkload } from './attest-workload.ts';

export interface HoldingsParts {
  readonly server: Pick<AgentServer, 'x509Svids' | 'jwtSvids'>;
  /** Sends the server a message; false when that is not possible now. */
  readonly say: (message: AgentMessage) => boolean;
  readonly hold: (descriptor: number) => WorkloadProcess;
  readonly attest: AttestWorkload;
  readonly clock: Clock;
  readonly delays: Delays;
  readonly entropy: Entropy;
  readonly logger: Logger;
  /** How many seconds the agent serves without hearing from the server; by default, the TTL of X.509-SVIDs (DEC-36). */
  readonly maxOffline?: number;
  /** How many entries get an X.509-SVID before anyone asks for it; 1,000 unless told, some 5 KiB each. */
  readonly maxSvids?: number;
  /** Keeps everything over a restart, so that the agent can serve while the server is away; without it nothing is kept. */
  readonly cache?: HoldingsCache;
  /** How many JWT-SVIDs are kept; 4,096 unless told, some 2 KiB each. */
  readonly maxTokens?: number;
}

export interface HoldingsStatus {
  /** Where in the log it stands; absent before the first synchronisation. */
  readonly cursor?: Cursor;
  /** Unix milliseconds at which the server last confirmed what is held. */
  readonly lastWord?: number;
  readonly entries: number;
  readonly svids: number;
  /** Unix seconds at which the first of these ends. */
  readonly soonestExpiry?: number;
  readonly tokens: number;
  /** Open streams. */
  readonly streams: number;
  /** Denials that the server does not have on record yet. */
  readonly denials: number;
  /** Denials that were lost for want of room before it had them. */
  readonly denialsDropped: number;
}
