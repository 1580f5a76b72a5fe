import type { Authority, AuthorityPurpose, KeyId } from '../domain/authority.ts';
import type { FactKind } from '../domain/fact.ts';
import type { RecordId } from '../domain/record-id.ts';
import { type Revocation, RevocationIndex } from '../domain/revocation.ts';
import type { Change, Views } from '../ports/views.ts';

/** What kind of record a change is about. */
export type Topic = 'entries' | 'resources' | 'revocations' | 'authorities';

export type TopicListener = (changes: readonly Change[]) => void;

const PAGE = 1000;

const topicOf = (kind: FactKind): Topic => {
  if (kind.startsWith('entry-')) return 'entries';
  if (kind.startsWith('resource-')) return 'resources';
  return kind.startsWith('authority-') ? 'authorities' : 'revocations';
};

/**
 * Keeps in a front end's memory what every request needs: revocations and authorities. It reads the changes after its own
 * cursor, so that it is exactly as new as the ledger was when `refresh` was called (P2).
 */
export class Follower {
  readonly revocations = new RevocationIndex();
  readonly #views: Pick<Views, 'changes' | 'revocations' | 'authorities'>;
  readonly #listeners = new Map<Topic, Set<TopicListener>>();
  readonly #forgetters = new Set<() => void>();
  #authorities: readonly Authority[] | undefined;
  #bundleSequence: number | undefined;
  #cursor: number;

  constructor(views: Pick<Views, 'changes' | 'revocations' | 'authorities'>) {
    this.#views = views;
    // The cursor first: a change between the two reads is then applied twice, never missed.
    this.#cursor = views.changes.newest();
    for (const revocation of views.revocations.active()) this.revocations.add(revocation);
  }

  /** The index of the newest change that `refresh` has taken in. */
  get cursor(): number {
    return this.#cursor;
  }

  /**
   * Catches up with the ledger, then calls listeners. Costs one look-up when nothing has changed.
   *
   * Throws when the ledger cannot be read: nothing has changed here then, no listener was called, and the next call does it
   * all. When listeners throw, the others are called all the same, and the first error is thrown at the end.
   */
  refresh(): void {
    if (this.#views.changes.newest() <= this.#cursor) return;
    // All reads before the first change to what is held.
    const changes = this.#unread();
    const revocations = this.#revocationsIn(changes);
    for (const [id, revocation] of revocations) this.#hold(id, revocation);
    if (changes.some(({ kind }) => topicOf(kind) === 'authorities')) {
      this.#authorities = undefined;
      this.#bundleSequence = undefined;
    }
    this.#cursor = changes.at(-1)?.cursor.index ?? this.#cursor;
    this.#tell(changes);
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

  /**
   * Calls `listener` with changes of a topic, in order, once they hold here. Changes at which it throws are not repeated, so it
   * should do no more than note what has to be read anew. Returns a function that ends the subscription.
   */
  on(topic: Topic, listener: TopicListener): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Drops revocations whose rows were purged. That is no change of the ledger: only listeners of `onForget` are called. */
  forget(purged: readonly RecordId[]): void {
    for (const id of purged) this.revocations.remove(id);
    for (const listener of this.#forgetters) listener();
  }

  /** Calls `listener` after each `forget`, so that whoever keeps something for each revocation can drop what is gone. */
  onForget(listener: () => void): void {
    this.#forgetters.add(listener);
  }

  #unread(): readonly Change[] {
    const changes: Change[] = [];
    for (let after = this.#cursor; ; ) {
      const page = this.#views.changes.after(after, PAGE);
      const last = page.at(-1);
      if (last === undefined) return changes;
      for (const change of page) changes.push(change);
      after = last.cursor.index;
    }
  }

  /** The present row of each revocation that changed: it tells what was added and what was released alike. */
  #revocationsIn(changes: readonly Change[]): ReadonlyMap<RecordId, Revocation | undefined> {
    const about = changes.filter(({ kind }) => topicOf(kind) === 'revocations');
    const ids = new Set(about.map(({ subject }) => subject as RecordId));
    return new Map([...ids].map((id) => [id, this.#views.revocations.get(id)]));
  }

  #hold(id: RecordId, revocation: Revocation | undefined): void {
    this.revocations.remove(id);
    if (revocation && revocation.predicates.length > 0) this.revocations.add(revocation);
  }

  #tell(changes: readonly Change[]): void {
    const thrown: unknown[] = [];
    for (const [topic, about] of Map.groupBy(changes, ({ kind }) => topicOf(kind))) {
      for (const listener of this.#listeners.get(topic) ?? []) {
        try {
          listener(about);
        } catch (error) {
          thrown.push(error);
        }
      }
    }
    if (thrown.length > 0) throw thrown[0];
  }
}
