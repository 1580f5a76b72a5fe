import type { Entry } from '../domain/entry.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';

interface Expiring {
  readonly expiresAt: number;
  readonly parentId: SpiffeId;
}

/** Entries that were sent to agents and will expire, of which no fact will tell. Times in Unix seconds. */
export class ExpiringEntries {
  readonly #held = new Map<string, Expiring>();
  #first = Infinity;

  watch({ id, expiresAt, parentId }: Pick<Entry, 'id' | 'expiresAt' | 'parentId'>): void {
    if (expiresAt === undefined) return;
    this.#held.set(id, { expiresAt, parentId });
    this.#first = Math.min(this.#first, expiresAt);
  }

  /** Those that have expired since the last call, each with the parent that it had when it was sent. Cheap while none has. */
  due(now: number): readonly { readonly id: string; readonly parentId: SpiffeId }[] {
    if (now < this.#first) return [];
    const due = [...this.#held].filter(([, { expiresAt }]) => expiresAt <= now);
    for (const [id] of due) this.#held.delete(id);
    this.#first = this.#held.values().reduce((first, { expiresAt }) => Math.min(first, expiresAt), Infinity);
    return due.map(([id, { parentId }]) => ({ id, parentId }));
  }
}
