import { type Administrator, isWithin } from '../domain/administrator.ts';
import { unixSeconds } from '../domain/instant.ts';
import type { RecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import type { Revocation } from '../domain/revocation.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { CredentialRow } from '../ports/views.ts';
import type { AgentPresence, PresenceReader } from './agent-presence.ts';
import type { Issuer } from './issuer.ts';
import { requireTargetWithin } from './revocation-target.ts';
import { visitLive } from './revoked-credentials.ts';
import type { StandAside } from './slices.ts';

type Reader = Pick<Issuer, 'views' | 'clock' | 'policy' | 'follower'>;

/** An agent that has not confirmed. */
export interface Unconfirmed {
  readonly agent: SpiffeId;
  readonly connected: boolean;
  /** Unix milliseconds; absent when it was not seen since the server started. */
  readonly seen?: number;
  /** Unix seconds at which the last credential of the target that it holds expires; absent when it holds none. */
  readonly until?: number;
}

/** Which agents have confirmed that they enforce a revocation (DEC-35). */
export interface Confirmations {
  /** Whom it has to reach: agents that are connected, and those that hold what it ends. */
  readonly agents: number;
  readonly confirmed: number;
  /** Those that the administrator may see: first those that hold a credential of the target the longest; 100 at most. */
  readonly unconfirmed: readonly Unconfirmed[];
}

/** How many credentials are looked at. */
const MAX_CREDENTIALS = 20_000;
const TOLD = 100;
/** For how many revocations the holders are kept: whoever waits for confirmations asks several times a second. */
const REMEMBERED = 16;

/** The agent that holds a credential for its workload, or for itself. */
const holderOf = ({ agent, role, spiffeId }: CredentialRow): SpiffeId | undefined =>
  agent ?? (role === 'agent' ? spiffeId : undefined);

/** Answers which agents have confirmed a revocation. */
export class RevocationConfirmations {
  readonly #issuer: Reader;
  readonly #presence: PresenceReader;
  readonly #standAside: StandAside;
  readonly #holders = new Map<RecordId, Promise<ReadonlyMap<SpiffeId, number>>>();

  constructor(issuer: Reader, presence: PresenceReader, standAside: StandAside) {
    this.#issuer = issuer;
    this.#presence = presence;
    this.#standAside = standAside;
  }

  /** Refuses with `not_found`; `forbidden` outside the administrator's prefix. */
  async of(admin: Administrator, id: RecordId): Promise<Confirmations> {
    const revocation = this.#issuer.views.revocations.get(id);
    if (!revocation) throw new Refusal('not_found', 'there is no revocation with this id');
    requireTargetWithin(this.#issuer, admin, revocation.target);
    const holders = await this.#holdersOf(revocation);
    const connected = await this.#presence.connected();
    const others = await this.#presence.of([...holders.keys()]);
    const seen = new Map([...others, ...connected].map((each) => [each.agent, each]));
    const now = unixSeconds(this.#issuer.clock.now());
    const holding = [...holders].filter(([, until]) => until > now);
    const agents = new Set([...connected.map(({ agent }) => agent), ...holding.map(([agent]) => agent)]);
    const left = [...agents].filter((agent) => (seen.get(agent)?.acknowledged ?? -1) < revocation.index);
    return {
      agents: agents.size,
      confirmed: agents.size - left.length,
      unconfirmed: left
        .filter((agent) => isWithin(admin, agent))
        .map((agent) => unconfirmedOf(agent, seen.get(agent), holders.get(agent)))
        .sort((a, b) => (b.until ?? 0) - (a.until ?? 0) || (a.agent < b.agent ? -1 : 1))
        .slice(0, TOLD),
    };
  }

  /** Looked up once for all who ask, also for those who ask meanwhile. */
  #holdersOf(revocation: Revocation): Promise<ReadonlyMap<SpiffeId, number>> {
    const known = this.#holders.get(revocation.id);
    if (known) return known;
    const [oldest] = this.#holders.size >= REMEMBERED ? this.#holders.keys() : [];
    if (oldest !== undefined) this.#holders.delete(oldest);
    const found = this.#findHolders(revocation).catch((error: unknown) => {
      this.#holders.delete(revocation.id);
      throw error;
    });
    this.#holders.set(revocation.id, found);
    return found;
  }

  /** Who holds credentials that it ends, and until when. Good for ever: what is issued later is not ended by it. */
  async #findHolders({ target, index }: Revocation): Promise<ReadonlyMap<SpiffeId, number>> {
    const holders = new Map<SpiffeId, number>();
    const visit = (row: CredentialRow): void => {
      const agent = row.index < index ? holderOf(row) : undefined;
      if (agent !== undefined) holders.set(agent, Math.max(row.notAfter, holders.get(agent) ?? 0));
    };
    await visitLive(this.#issuer, target, { most: MAX_CREDENTIALS, standAside: this.#standAside, visit });
    return holders;
  }
}

const unconfirmedOf = (agent: SpiffeId, seen: AgentPresence | undefined, until: number | undefined): Unconfirmed => ({
  agent,
  connected: seen?.since !== undefined,
  ...(seen && { seen: seen.seen }),
  ...(until !== undefined && { until }),
});
