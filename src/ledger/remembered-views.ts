import type { Entry } from '../domain/entry.ts';
import type { RecordId } from '../domain/record-id.ts';
import type { Resource } from '../domain/resource.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { AttestationReader, AttestationRow, EntryReader, ResourceReader, Views } from '../ports/views.ts';
import type { Follower } from './follow.ts';

/**
 * How many rows of each kind are kept; beyond that the oldest go. An entry takes about a kilobyte, and reading it again a
 * twelfth of what a token costs.
 */
const REMEMBERED = 4096;

/** A bounded cache. That something does not exist is not kept: anyone may ask for any number of such things. */
class Cache<Key, Value> {
  readonly #held = new Map<Key, Value>();

  get(key: Key, read: (key: Key) => Value | undefined): Value | undefined {
    const held = this.#held.get(key);
    if (held !== undefined) return held;
    const value = read(key);
    if (value === undefined) return undefined;
    if (this.#held.size >= REMEMBERED) {
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
  const byId = new Cache<string, Entry>();
  // Keyed by the array object: a cached attestation gives the same one each time.
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
  const byIdentifier = new Cache<string, Resource>();
  const byName = new Cache<string, Resource>();
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

/** An attestation never changes, and is deleted only long after the last credential that rests on it has ended. */
const rememberedAttestations = (attestations: AttestationReader): AttestationReader => {
  const byId = new Cache<RecordId, AttestationRow>();
  return { ...attestations, get: (id) => byId.get(id, (missing) => attestations.get(missing)) };
};

/**
 * The same views, with a cache for what requests ask for again and again. Answers are as new as without it: before each read
 * the change feed is looked at, and what it names is dropped.
 */
export const rememberedViews = (views: Views, follower: Follower): Views => ({
  ...views,
  entries: rememberedEntries(views.entries, follower),
  resources: rememberedResources(views.resources, follower),
  attestations: rememberedAttestations(views.attestations),
});
