import type { Entry } from '../domain/entry.ts';
import type { RecordId } from '../domain/record-id.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { Revocation } from '../domain/revocation.ts';
import { type AgentScope, parentIdsOf } from './agent-scope.ts';
import type { Issuer } from './issuer.ts';
import type { StandAside } from './slices.ts';

type Reader = Pick<Issuer, 'views' | 'follower'>;

/** The agent through which a credential was issued, or whose own it is. */
const agentBehind = ({ views }: Pick<Issuer, 'views'>, credential: string): SpiffeId | undefined => {
  const row = views.credentials.get(credential as RecordId);
  return row?.agent ?? (row?.role === 'agent' ? row.spiffeId : undefined);
};

/**
 * The revocations of single credentials, by agent. The credential of each new one is looked up once, when `of` is next called;
 * a look-up that fails is made again at the call after, so that none is missed.
 */
class CredentialRevocations {
  readonly #issuer: Reader;
  readonly #byAgent = new Map<SpiffeId, Set<RecordId>>();
  /** The revocations whose agent was not looked up yet. */
  readonly #fresh: Set<RecordId>;

  constructor(issuer: Reader) {
    this.#issuer = issuer;
    this.#fresh = new Set(issuer.follower.revocations.all().map(({ id }) => id));
    issuer.follower.on('revocations', (changes) => {
      for (const { subject } of changes) this.#fresh.add(subject as RecordId);
    });
    issuer.follower.onForget(() => this.#sweep());
  }

  get size(): number {
    return [...this.#byAgent.values()].reduce((sum, held) => sum + held.size, this.#fresh.size);
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

  /** Drops revocations that were purged or released. */
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

/** The agents that get a revocation: those named, and those with entries under these parents; or all. */
export type Recipients =
  | 'everyone'
  | { readonly agents: ReadonlySet<SpiffeId>; readonly parents: ReadonlySet<SpiffeId> };

const NOBODY: ReadonlySet<SpiffeId> = new Set();

type AsItStands = Pick<Revocation, 'target' | 'predicates'>;

/**
 * Whether a revocation is over, and agents that it does not concern any more may hold it: their entry was deleted, moved, or given
 * another SPIFFE ID meanwhile. It would hit that entry if it came back, for nothing is sent then about what is over. A release
 * that leaves a cutoff needs no such care: the cutoff is sent again with the entry, in place of the whole.
 */
const mayHaveLeftBehind = ({ target: { kind }, predicates }: AsItStands): boolean =>
  predicates.length === 0 && (kind === 'identity' || kind === 'entry');

/** Which revocations an agent has to know: those that hit it, its entries, or what was issued through it. */
export class AgentRevocations {
  readonly #issuer: Reader;
  #credentials: CredentialRevocations | undefined;

  constructor(issuer: Reader) {
    this.#issuer = issuer;
  }

  /** How many revocations of single credentials are remembered here, beside those that the follower has. */
  get remembered(): number {
    return this.#credentials?.size ?? 0;
  }

  /** All in force that hit an agent or one of these entries. */
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
   * Whether an agent gets a revocation, or its release: one of itself, of an identity or an entry under it or its groups, of a
   * credential that was issued through it, or of any prefix; and the end of one that it may still hold. Looks up what the target
   * names, and searches no entries.
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
   * The agents that get a revocation, or its release. That of a prefix goes to all: a line of a few hundred octets costs less than a
   * search through everything below the prefix, for which other revocations would have to wait. Stands aside between pages.
   */
  async recipients(revocation: AsItStands, standAside: StandAside): Promise<Recipients> {
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
