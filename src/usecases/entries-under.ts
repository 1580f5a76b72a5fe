import { type Entry, isLiveEntry } from '../domain/entry.ts';
import { unixSeconds } from '../domain/instant.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { ExpiringEntries } from './expiring-entries.ts';
import type { Issuer } from './issuer.ts';
import { pagesOf } from './slices.ts';
import { entryLines } from './feed-lines.ts';

type Reader = Pick<Issuer, 'views' | 'clock' | 'follower'>;

/** Live entries under a parent, and the feed lines for them. */
export interface UnderParent {
  readonly live: readonly Entry[];
  readonly lines: readonly Buffer[];
}

interface Held extends UnderParent {
  readonly expired: readonly string[];
  /** Unix seconds at which the first of the live ones expires. */
  readonly until: number;
}

/** How many entries one part holds: a few milliseconds of work. */
const PART = 200;

const joined = (parts: readonly UnderParent[]): UnderParent => ({
  live: parts.flatMap(({ live }) => live),
  lines: parts.flatMap(({ lines }) => lines),
});

const heldFrom = (parts: readonly UnderParent[], expired: readonly string[]): Held => {
  const { live, lines } = joined(parts);
  const until = live.reduce((first, { expiresAt = Infinity }) => Math.min(first, expiresAt), Infinity);
  return { live, lines, expired, until };
};

/** The entries under a parent, as feed lines. Those under a parent that agents share are kept until an entry changes or expires. */
export class EntriesUnder {
  readonly #issuer: Reader;
  readonly #expiring: ExpiringEntries;
  #shared = new Map<SpiffeId, Held>();

  constructor(issuer: Reader, expiring: ExpiringEntries) {
    this.#issuer = issuer;
    this.#expiring = expiring;
    issuer.follower.on('entries', () => {
      this.#shared = new Map();
    });
  }

  /** All parts in one. */
  all(parent: SpiffeId, isShared: boolean): UnderParent {
    return joined([...this.parts(parent, isShared)]);
  }

  /** The entries as of the call; each part is worked out when it is asked for. */
  parts(parent: SpiffeId, isShared: boolean): Iterable<UnderParent> {
    const held = this.#heldOf(parent);
    return held ? [held] : this.#workOut(parent, this.#issuer.views.entries.under(parent), isShared);
  }

  /** The ids of the entries under a parent that have expired. */
  expired(parent: SpiffeId): readonly string[] {
    const held = this.#heldOf(parent);
    if (held) return held.expired;
    const now = this.#issuer.clock.now();
    return this.#issuer.views.entries.expiringUnder(parent).flatMap((entry) => {
      if (!isLiveEntry(entry, now)) return [entry.id];
      this.#expiring.watch(entry);
      return [];
    });
  }

  #heldOf(parent: SpiffeId): Held | undefined {
    const held = this.#shared.get(parent);
    return held && held.until > unixSeconds(this.#issuer.clock.now()) ? held : undefined;
  }

  *#workOut(parent: SpiffeId, entries: Iterable<Entry>, isShared: boolean): Generator<UnderParent> {
    // The map of this moment: when an entry changes meanwhile, a new map replaces it, and these lines must not go there.
    const shared = this.#shared;
    const now = this.#issuer.clock.now();
    const parts: UnderParent[] = [];
    const expired: string[] = [];
    for (const page of pagesOf(entries, PART)) {
      const live = page.filter((entry) => isLiveEntry(entry, now));
      for (const entry of live) this.#expiring.watch(entry);
      for (const entry of page) if (!isLiveEntry(entry, now)) expired.push(entry.id);
      const part = { live, lines: entryLines(live) };
      yield part;
      if (isShared) parts.push(part);
    }
    if (isShared) shared.set(parent, heldFrom(parts, expired));
  }
}
