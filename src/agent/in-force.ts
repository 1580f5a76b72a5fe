import type { RevocationSubject } from '../domain/revocation.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { SyncEntry, SyncPlace } from '../formats/sync-message.ts';
import type { Clock } from '../ports/clock.ts';
import type { SyncedView } from './synced-view.ts';

/** A credential of a workload, as far as it is asked whether it still counts. */
export interface Holding {
  readonly entryId: string;
  readonly spiffeId: SpiffeId;
  /** The agent that it was issued through. */
  readonly agent: SpiffeId;
  /** Its serial or `jti`. */
  readonly credential: string;
  readonly ledger: SyncPlace;
  /** Unix seconds. */
  readonly notAfter: number;
}

/**
 * What the view says now of entries and of credentials that were issued. No round trip: each credential keeps its place in the
 * ledger, and the revocations keep theirs.
 */
export class InForce {
  readonly #view: SyncedView;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #agent: () => SpiffeId | undefined;

  constructor(view: SyncedView, clock: Pick<Clock, 'now'>, agent: () => SpiffeId | undefined) {
    this.#view = view;
    this.#clock = clock;
    this.#agent = agent;
  }

  /** The entry, while something may be issued for it through this agent. */
  entry(id: string): SyncEntry | undefined {
    const entry = this.#view.entries.get(id);
    return entry && this.gives(entry) ? entry : undefined;
  }

  /** Whether an entry of the view gives anything: it has not expired, and no block or hold stands against it. */
  gives(entry: SyncEntry): boolean {
    const agent = this.#agent();
    if (agent === undefined || this.#hasEnded(entry)) return false;
    return !this.#view.revocations.barring({ spiffeId: entry.spiffeId as SpiffeId, entry: entry.id, agent });
  }

  /** Whether a credential may still be shown: it has not expired, is not revoked, and its entry gives the same SPIFFE ID. */
  isAlive(holding: Holding): boolean {
    if (holding.notAfter * 1000 <= this.#clock.now()) return false;
    const entry = this.#view.entries.get(holding.entryId);
    if (entry?.spiffeId !== holding.spiffeId || this.#hasEnded(entry)) return false;
    return !this.#view.revocations.killing(subjectOf(holding), this.#placeOf(holding));
  }

  /** Whether the order of the log says nothing about it any more, or another agent asked for it: a new one is due. */
  isOfThePast({ agent, ledger }: Holding): boolean {
    return agent !== this.#agent() || ledger.epoch !== this.#view.cursor?.epoch;
  }

  #hasEnded({ expiresAt = Infinity }: SyncEntry): boolean {
    return expiresAt * 1000 <= this.#clock.now();
  }

  /** One of an epoch before may be older than any revocation of this one (DEC-10); one of a later epoch is newer than all. */
  #placeOf({ ledger }: Holding): number {
    const epoch = this.#view.cursor?.epoch ?? ledger.epoch;
    if (ledger.epoch === epoch) return ledger.index;
    return ledger.epoch < epoch ? -1 : Infinity;
  }
}

const subjectOf = ({ spiffeId, entryId, agent, credential }: Holding): RevocationSubject => ({
  spiffeId,
  entry: entryId,
  agent,
  credential,
});
