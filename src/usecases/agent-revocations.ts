import type { Entry } from '../domain/entry.ts';
import type { RecordId } from '../domain/record-id.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { Revocation } from '../domain/revocation.ts';
import { type AgentScope, parentIdsOf } from './agent-scope.ts';
import type { Issuer } from './issuer.ts';
import type { StandAside } from './slices.ts';

type Reader = Pick<Issuer, 'views' | 'follower'>;

/** The agent that a credential came through, or whose own it is. */
const agentBehind = ({ views }: Pick<Issuer, 'views'>, credential: string): SpiffeId | undefined => {
  const row = views.credentials.get(credential as RecordId);
  return row?.agent ?? (row?.role === 'agent' ? row.spiffeId : undefined);
};

/**
 * The revocations of single credentials by the agent that they concern: each credential is looked up once, when they are next
 * asked for. A look-up that fails is made again then, so that none is missed.
 */
class CredentialRevocations {
  readonly #issuer: Reader;
  readonly #byAgent = new Map<SpiffeId, Set<RecordId>>();
  /** Of these it is not known yet whom they concern. */
  readonly #fresh: Set<RecordId>;

  constructor(issuer: Reader) {
    this.#issuer = issuer;
    this.#fresh = new Set(issuer.follower.revocations.all().map(({ id }) => id));
    issuer.follower.on('revocations', (changes) => {
      for (const { subject } of changes) this.#fresh.add(subject as RecordId);
    });
    issuer.follower.onForget(() => this.#sweep());
  }

  of(agent: SpiffeId): readonly Revocation[] {
    for (const id of this.#fresh) {
      this.#add(id);
      this.#fresh.delete(id);
    }
    const held = this.#byAgent.get(agent) ?? [];
    return [...held].map((id) => this.#issuer.follower.revocations.get(id)).filter((one) => one !== undefined);
  }

  #add(id: RecordId): void {
    const target = this.#issuer.follower.revocations.get(id)?.target;
    if (target?.kind !== 'credential') return;
    const agent = agentBehind(this.#issuer, target.value);
    if (agent === undefined) return;
    const held = this.#byAgent.get(agent) ?? new Set();
    this.#byAgent.set(agent, held.add(id));
  }

  /** Drops what is not known any more: purged, or released. */
  #sweep(): void {
    const { revocations } = this.#issuer.follower;
    const drop = (ids: Set<RecordId>): void => {
      for (const id of ids) if (revocations.get(id) === undefined) ids.delete(id);
    };
    drop(this.#fresh);
    for (const [agent, held] of this.#byAgent) {
      drop(held);
      if (held.size === 0) this.#byAgent.delete(agent);
    }
  }
}

/** Who is told of a revocation: these agents, and all that are told of entries under these parents; or simply all. */
export type Audience = 'everyone' | { readonly agents: ReadonlySet<SpiffeId>; readonly parents: ReadonlySet<SpiffeId> };

const NOBODY: ReadonlySet<SpiffeId> = new Set();

type AsItStands = Pick<Revocation, 'target' | 'predicates'>;

/**
 * Whether it is over, and some may have heard of it whom it does not concern any more: their entry has gone, moved, or got another
 * SPIFFE ID since. It would stand against that entry when it comes back, for nothing says then what is over. What is left of one
 * that was released in part, its cutoff, is told again with such an entry, and takes the place of the whole.
 */
const mayHaveLeftBehind = ({ target: { kind }, predicates }: AsItStands): boolean =>
  predicates.length === 0 && (kind === 'identity' || kind === 'entry');

/** Which revocations an agent has to know of: those that touch itself, its entries, or what came through it. */
export class AgentRevocations {
  readonly #issuer: Reader;
  #credentials: CredentialRevocations | undefined;

  constructor(issuer: Reader) {
    this.#issuer = issuer;
  }

  /** All in force for an agent and its entries. */
  of(agent: SpiffeId, entries: Iterable<Pick<Entry, 'id' | 'spiffeId'>>): readonly Revocation[] {
    const { revocations } = this.#issuer.follower;
    if (revocations.size === 0) return [];
    this.#credentials ??= new CredentialRevocations(this.#issuer);
    const found = new Map<RecordId, Revocation>();
    const keep = (some: readonly Revocation[]): void => {
      for (const revocation of some) found.set(revocation.id, revocation);
    };
    keep(revocations.hitting({ spiffeId: agent }));
    keep(this.#credentials.of(agent));
    for (const entry of entries) keep(this.ofEntry(entry));
    return [...found.values()];
  }

  ofEntry({ id, spiffeId }: Pick<Entry, 'id' | 'spiffeId'>): readonly Revocation[] {
    return this.#issuer.follower.revocations.hitting({ spiffeId, entry: id });
  }

  /**
   * Whether an agent is told of a revocation, or of its release: one of itself, of an entry under it or its groups, of what came
   * through it, or of any prefix: one that heard of the one has to hear of the other. Looks up what the revocation names, and
   * reads no entries to find out.
   */
  concerns(revocation: AsItStands, scope: Pick<AgentScope, 'agent' | 'groups'>): boolean {
    if (mayHaveLeftBehind(revocation)) return true;
    const { entries } = this.#issuer.views;
    const { agent } = scope;
    const { kind, value } = revocation.target;
    const parents = parentIdsOf(scope);
    const id = value as SpiffeId;
    switch (kind) {
      case 'agent':
        return id === agent;
      case 'identity':
        return id === agent || parents.some((parentId) => entries.count({ spiffeId: id, parentId }) > 0);
      case 'prefix':
        return true;
      case 'entry': {
        const entry = entries.get(value);
        return entry !== undefined && parents.includes(entry.parentId);
      }
      default:
        return agentBehind(this.#issuer, value) === agent;
    }
  }

  /**
   * Who is told of a revocation, or of its release. Of a prefix everyone is: a line of a few hundred octets costs less than to look
   * through all that lies below, which may be every entry, while the news of other revocations waits. Stands aside between pages
   * of entries.
   */
  async audience(revocation: AsItStands, standAside: StandAside): Promise<Audience> {
    if (mayHaveLeftBehind(revocation)) return 'everyone';
    const { entries } = this.#issuer.views;
    const { kind, value } = revocation.target;
    const id = value as SpiffeId;
    switch (kind) {
      case 'agent':
        return { agents: new Set([id]), parents: NOBODY };
      case 'identity':
        return { agents: new Set([id]), parents: await this.#parentsOf(id, standAside) };
      case 'prefix':
        return 'everyone';
      case 'entry': {
        const entry = entries.get(value);
        return { agents: NOBODY, parents: entry ? new Set([entry.parentId]) : NOBODY };
      }
      default: {
        const agent = agentBehind(this.#issuer, value);
        return { agents: agent === undefined ? NOBODY : new Set([agent]), parents: NOBODY };
      }
    }
  }

  async #parentsOf(id: SpiffeId, standAside: StandAside): Promise<ReadonlySet<SpiffeId>> {
    const parents = new Set<SpiffeId>();
    for (const page of this.#issuer.views.entries.parentsOf(id)) {
      for (const parent of page) parents.add(parent);
      await standAside();
    }
    return parents;
  }
}
