import type { Authority, AuthorityPurpose, KeyId } from '../domain/authority.ts';
import type { FactKind } from '../domain/fact.ts';
import type { RecordId } from '../domain/record-id.ts';
import { RevocationIndex } from '../domain/revocation.ts';
import type { Change, Views } from '../ports/views.ts';

/** What a change is about. */
export type Topic = 'entries' | 'resources' | 'revocations' | 'authorities';

export type TopicListener = (changes: readonly Change[]) => void;

const PAGE = 1000;

const topicOf = (kind: FactKind): Topic => {
  if (kind.startsWith('entry-')) return 'entries';
  if (kind.startsWith('resource-')) return 'resources';
  return kind.startsWith('authority-') ? 'authorities' : 'revocations';
};

/**
 * A front end's memory of what it asks for at every request: revocations and authorities. It reads the facts after its own
 * cursor, so that it is exactly as new as the ledger was when `refresh` was called (P2).
 */
export class Follower {
  readonly revocations = new RevocationIndex();
  readonly #views: Pick<Views, 'changes' | 'revocations' | 'authorities'>;
  readonly #listeners = new Map<Topic, Set<TopicListener>>();
  #authorities: readonly Authority[] | undefined;
  #bundleSequence: number | undefined;
  #cursor: number;

  constructor(views: Pick<Views, 'changes' | 'revocations' | 'authorities'>) {
    this.#views = views;
    // The cursor first: a change between the two reads is then applied twice, never missed.
    this.#cursor = views.changes.newest();
    for (const revocation of views.revocations.active()) this.revocations.add(revocation);
  }

  /** The index of the newest change that is known here. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Catches up with the ledger, then tells listeners. Costs one look-up when nothing changed. */
  refresh(): void {
    if (this.#views.changes.newest() <= this.#cursor) return;
    const changes: Change[] = [];
    for (let page = this.#next(); page.length > 0; page = this.#next()) {
      for (const change of page) this.#apply(change);
      changes.push(...page);
    }
    const byTopic = Map.groupBy(changes, ({ kind }) => topicOf(kind));
    for (const [topic, about] of byTopic) {
      for (const listener of this.#listeners.get(topic) ?? []) listener(about);
    }
  }

  /** All but those that are gone, oldest generation first. */
  authorities(purpose?: AuthorityPurpose): readonly Authority[] {
    this.#authorities ??= this.#views.authorities.list();
    return purpose === undefined ? this.#authorities : this.#authorities.filter((one) => one.purpose === purpose);
  }

  authority(id: KeyId): Authority | undefined {
    return this.authorities().find((one) => one.id === id) ?? this.#views.authorities.get(id);
  }

  bundleSequence(): number {
    this.#bundleSequence ??= this.#views.authorities.bundleSequence();
    return this.#bundleSequence;
  }

  /** Tells `listener` of changes, in order, after they hold here; it must not throw. Returns how to stop. */
  on(topic: Topic, listener: TopicListener): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  #next(): readonly Change[] {
    const page = this.#views.changes.after(this.#cursor, PAGE);
    this.#cursor = page.at(-1)?.cursor.index ?? this.#cursor;
    return page;
  }

  #apply({ kind, subject }: Change): void {
    const topic = topicOf(kind);
    if (topic === 'authorities') {
      this.#authorities = undefined;
      this.#bundleSequence = undefined;
    }
    if (topic !== 'revocations') return;
    // The row as it stands now says both what was added and what was released since.
    const id = subject as RecordId;
    this.revocations.remove(id);
    const revocation = this.#views.revocations.get(id);
    if (revocation && revocation.predicates.length > 0) this.revocations.add(revocation);
  }
}
