import type { Cursor } from '../domain/cursor.ts';
import type { RevocationSubject } from '../domain/revocation.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { SyncEntry } from '../formats/sync-message.ts';
import type { Clock } from '../ports/clock.ts';
import type { SyncedView } from './synced-view.ts';

/** A credential of a workload, as far as it takes to know whether it is still valid. */
export interface Holding {
  readonly entryId: string;
  readonly spiffeId: SpiffeId;
  /** The agent through which it was issued. */
  readonly agent: SpiffeId;
  /** Its serial or `jti`. */
  readonly credential: string;
  readonly ledger: Cursor;
  /** Unix seconds. */
  readonly notAfter: number;
}

/**
 * Whether entries may be issued for and credentials are valid, by the view as it is now. That takes no round trip: credentials
 * and revocations have their indexes in the ledger, which say what came first.
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

  /** The entry, if something may be issued under it through this agent now. */
  entry(id: string): SyncEntry | undefined {
    const entry = this.#view.entries.get(id);
    return entry && this.gives(entry) ? entry : undefined;
  }

  /** Whether something may be issued under an entry of the view: it has not expired, and no block or hold hits it. */
  gives(entry: SyncEntry): boolean {
    const agent = this.#agent();
    if (agent === undefined || this.#hasEnded(entry)) return false;
    return !this.#view.revocations.barring({ spiffeId: entry.spiffeId as SpiffeId, entry: entry.id, agent });
  }

  /** Whether a credential may still be served: it is neither expired nor revoked, and its entry gives the same SPIFFE ID. */
  isAlive(holding: Holding): boolean {
    if (holding.notAfter * 1000 <= this.#clock.now()) return false;
    const entry = this.#view.entries.get(holding.entryId);
    if (entry?.spiffeId !== holding.spiffeId || this.#hasEnded(entry)) return false;
    return !this.#view.revocations.killing(subjectOf(holding), this.#placeOf(holding));
  }

  /** Whether it is of another epoch, so that its index cannot be compared any more, or of another agent: a new one is due. */
  isOfThePast({ agent, ledger }: Holding): boolean {
    return agent !== this.#agent() || ledger.epoch !== this.#view.cursor?.epoch;
  }

  #hasEnded({ expiresAt = Infinity }: SyncEntry): boolean {
    return expiresAt * 1000 <= this.#clock.now();
  }

  /** Its index for comparison: before every revocation if it is of an earlier epoch (DEC-10), after all if of a later one. */
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
