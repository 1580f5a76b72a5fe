import type { SerialisedMetrics } from '../adapters/http/metrics.ts';
import type { TlsIdentity } from '../adapters/http/tls.ts';
import type { LedgerLine } from '../adapters/sqlite/open-ledger.ts';
import type { RecordId } from '../domain/record-id.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { AgentPresence, AgentSighting } from '../usecases/agent-presence.ts';
import type { FrontEndShare, Ports, ServerIdentities } from './front-end.ts';
import type { HealthReport } from './readiness.ts';

/** What a front end's thread starts with. */
export interface FrontEndStart {
  readonly share: FrontEndShare;
  readonly ledgerLine: LedgerLine;
  readonly identities: ServerIdentities;
  readonly ports: Ports;
}

/** From the main thread to a front end. */
export type ToFrontEnd =
  | { readonly kind: 'identity'; readonly own: TlsIdentity }
  | { readonly kind: 'health'; readonly report: HealthReport }
  | { readonly kind: 'flush-denials' }
  /** Retention ran. */
  | { readonly kind: 'purged' }
  | { readonly kind: 'metrics'; readonly id: number }
  | { readonly kind: 'superseded'; readonly credential: RecordId }
  | { readonly kind: 'presence'; readonly id: number; readonly presence: readonly AgentPresence[] }
  | { readonly kind: 'close' };

/** From a front end to the main thread. */
export type FromFrontEnd =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'metrics'; readonly id: number; readonly metrics: SerialisedMetrics }
  | { readonly kind: 'agents'; readonly sightings: readonly AgentSighting[] }
  | { readonly kind: 'superseded'; readonly credential: RecordId }
  /** Asks who is connected; without `agents`, everyone. */
  | { readonly kind: 'presence'; readonly id: number; readonly agents?: readonly SpiffeId[] }
  | { readonly kind: 'closed' };
