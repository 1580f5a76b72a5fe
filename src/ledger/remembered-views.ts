import type { Entry } from '../domain/entry.ts';
import type { RecordId } from '../domain/record-id.ts';
import type { Resource } from '../domain/resource.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { AttestationReader, AttestationRow, EntryReader, ResourceReader, Views } from '../ports/views.ts';
import type { Follower } from './follow.ts';

/** Rows of each kind that are kept at most; then the oldest go. */
const REMEMBERED = 4096;
/** An entry takes about a kilobyte, and reading it again a twelfth of what a token costs. */
const REMEMBERED_ENTRIES = 16_384;

/** Values by key. What is absent is not kept: anyone may ask for what does not exist. */
class Memory<Key, Value> {
  readonly #held = new Map<Key, Value>();
  readonly #most: number;

  constructor(most = REMEMBERED) {
    this.#most = most;
  }

  get(key: Key, read: (key: Key) => Value | undefined): Value | undefined {
    const held = this.#held.get(key);
    if (held !== undefined) return held;
    const value = read(key);
    if (value === undefined) return undefined;
    if (this.#held.size >= this.#most) {
      const { value: oldest } = this.#held.keys().next();
      if (oldest !== undefined) this.#held.delete(oldest);
    }
    this.#held.set(key, value);
    return value;
  }

  delete(key: Key): void {
    this.#held.delete(key);
  }

  clear(): void {
    this.#held.clear();
  }
}

interface Matching {
  readonly parent: SpiffeId;
  readonly entries: readonly Entry[];
}

const rememberedEntries = (entries: EntryReader, follower: Follower): EntryReader => {
  const byId = new Memory<string, Entry>(REMEMBERED_ENTRIES);
  // By the array itself: an attestation that is remembered gives the same one each time.
  let bySelectors = new WeakMap<readonly string[], Matching>();
  follower.on('entries', (changes) => {
    for (const { subject } of changes) byId.delete(subject);
    bySelectors = new WeakMap();
  });
  return {
    ...entries,
    get: (id) => {
      follower.refresh();
      return byId.get(id, (missing) => entries.get(missing));
    },
    matching: (parent, selectors) => {
      follower.refresh();
      const held = bySelectors.get(selectors);
      if (held?.parent === parent) return held.entries;
      const found = entries.matching(parent, selectors);
      bySelectors.set(selectors, { parent, entries: found });
      return found;
    },
  };
};

const rememberedResources = (resources: ResourceReader, follower: Follower): ResourceReader => {
  const byIdentifier = new Memory<string, Resource>();
  const byName = new Memory<string, Resource>();
  follower.on('resources', () => {
    byIdentifier.clear();
    byName.clear();
  });
  return {
    ...resources,
    get: (identifier) => {
      follower.refresh();
      return byIdentifier.get(identifier, (missing) => resources.get(missing));
    },
    named: (name) => {
      follower.refresh();
      return byName.get(name, (missing) => resources.named(missing));
    },
  };
};

/** What was once proven never changes; retention takes it away long after the last credential that rests on it. */
const rememberedAttestations = (attestations: AttestationReader): AttestationReader => {
  const byId = new Memory<RecordId, AttestationRow>();
  return { ...attestations, get: (id) => byId.get(id, (missing) => attestations.get(missing)) };
};

/**
 * The same views, keeping in memory what requests ask for again and again. Each read is as new as without it: entries and
 * resources are dropped when the change feed names them, and the feed is looked at first.
 */
export const rememberedViews = (views: Views, follower: Follower): Views => ({
  ...views,
  entries: rememberedEntries(views.entries, follower),
  resources: rememberedResources(views.resources, follower),
  attestations: rememberedAttestations(views.attestations),
});
