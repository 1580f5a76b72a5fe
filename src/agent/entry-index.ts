import type { SyncEntry } from '../formats/sync-message.ts';

/**
 * The entries of an agent, found by id and by a caller's selectors. Each is filed under one of its selectors, the one with the
 * fewest entries at that time, so that a caller is compared with few entries however many there are.
 */
export class EntryIndex {
  readonly #byId = new Map<string, SyncEntry>();
  readonly #filed = new Map<string, Set<SyncEntry>>();
  readonly #anchors = new Map<string, string>();
  /** How many entries have a selector of this kind, `unix:path:`. */
  readonly #kinds = new Map<string, number>();

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): SyncEntry | undefined {
    return this.#byId.get(id);
  }

  all(): IterableIterator<SyncEntry> {
    return this.#byId.values();
  }

  /** Adds an entry, in place of one with the same id. */
  put(entry: SyncEntry): void {
    this.remove(entry.id);
    this.#byId.set(entry.id, entry);
    for (const kind of kindsOf(entry)) this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + 1);
    const anchor = this.#anchorOf(entry);
    // Without selectors it would match everybody, so it matches nobody.
    if (anchor === undefined) return;
    const others = this.#filed.get(anchor);
    if (others) others.add(entry);
    else this.#filed.set(anchor, new Set([entry]));
    this.#anchors.set(entry.id, anchor);
  }

  remove(id: string): void {
    const entry = this.#byId.get(id);
    if (!entry) return;
    this.#byId.delete(id);
    for (const kind of kindsOf(entry)) {
      const left = (this.#kinds.get(kind) ?? 1) - 1;
      if (left > 0) this.#kinds.set(kind, left);
      else this.#kinds.delete(kind);
    }
    const anchor = this.#anchors.get(id);
    if (anchor === undefined) return;
    this.#anchors.delete(id);
    const filed = this.#filed.get(anchor);
    filed?.delete(entry);
    if (filed?.size === 0) this.#filed.delete(anchor);
  }

  /** Those whose selectors are all among `selectors`, in no order. */
  matching(selectors: readonly string[]): SyncEntry[] {
    const held = new Set(selectors);
    const found: SyncEntry[] = [];
    for (const selector of held) {
      for (const entry of this.#filed.get(selector) ?? []) {
        if (entry.selectors.every((one) => held.has(one))) found.push(entry);
      }
    }
    return found;
  }

  /** Whether any entry has a selector of this kind, such as `unix:path:`. */
  hasKind(kind: string): boolean {
    return this.#kinds.has(kind);
  }

  #anchorOf({ selectors }: SyncEntry): string | undefined {
    let best: string | undefined;
    let fewest = Infinity;
    for (const selector of selectors) {
      const count = this.#filed.get(selector)?.size ?? 0;
      if (count < fewest) [best, fewest] = [selector, count];
    }
    return best;
  }
}

/** The kinds of an entry's selectors, each once: `unix:path:` of `unix:path:/bin/true`. */
const kindsOf = ({ selectors }: SyncEntry): ReadonlySet<string> =>
  new Set(selectors.map((selector) => `${selector.split(':', 2).join(':')}:`));
