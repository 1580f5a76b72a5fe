import type { SyncBundle, SyncEntry } from '../formats/sync-message.ts';
import type { Clock } from '../ports/clock.ts';
import type { Delays } from '../ports/timers.ts';
import type { FreshSvids } from './fresh-svids.ts';
import type { HeldSvid } from './held-svid.ts';
import { SharedState, type Outcome } from './shared-state.ts';
import type { SyncedView } from './synced-view.ts';
import type { ReadTrustBundle, TrustBundles } from './trust-bundles.ts';
import type { HeldX509Svid, WorkloadState } from './workload-session.ts';

export interface CallerStatesParts {
  readonly view: SyncedView;
  readonly svids: FreshSvids;
  readonly bundles: TrustBundles;
  readonly clock: Pick<Clock, 'now'>;
  readonly delays: Delays;
}

/** As many as clients of the Workload API accept (WLAPI-31). */
const MAX_SVIDS = 100;
const MAX_BUNDLES = 199;
/** How many states are kept that nobody watches. */
const MAX_KEPT = 512;

const isSame = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((one, at) => one === b[at]);

/**
 * The states of callers. Callers with equal selectors share one, which is worked out once for each change, however many streams it
 * goes to.
 */
export class CallerStates {
  readonly #parts: CallerStatesParts;
  /** In order of use, the latest last. */
  readonly #states = new Map<string, SharedState>();
  readonly #shown = new WeakMap<HeldSvid, HeldX509Svid>();
  #version = 0;

  constructor(parts: CallerStatesParts) {
    this.#parts = parts;
  }

  /** Grows with every change: a state that was worked out under an earlier version is out of date. */
  get version(): number {
    return this.#version;
  }

  /** Unix milliseconds. */
  get now(): number {
    return this.#parts.clock.now();
  }

  /** The state of callers that have these selectors, sorted. */
  of(selectors: readonly string[]): SharedState {
    // No selector holds a line feed.
    const key = selectors.join('\n');
    const known = this.#states.get(key);
    if (known) this.#states.delete(key);
    const state = known ?? new SharedState(this, this.#parts, selectors);
    this.#states.set(key, state);
    if (!known) this.#makeRoom();
    return state;
  }

  /** Entries, revocations or bundles changed. */
  viewChanged(): void {
    this.#version += 1;
    for (const state of this.#watched()) state.look();
  }

  /** SVIDs came or went. */
  svidsChanged(entryIds: ReadonlySet<string>): void {
    this.#version += 1;
    for (const state of this.#watched()) {
      if (state.identities.some(({ id }) => entryIds.has(id))) state.look();
    }
  }

  /** The entries that give callers with these selectors an identity, in their order (WLAPI-25). */
  identitiesOf(selectors: readonly string[]): readonly SyncEntry[] {
    const { view, svids } = this.#parts;
    const entries = view.entries.matching(selectors).filter(({ id }) => svids.standing(id) !== 'none');
    const hints = new Set<string>();
    const distinct = entries.sort(olderFirst).filter(({ hint }) => {
      // WLAPI-23: the older one keeps the hint, the other is left out.
      if (hint === undefined || hint === '') return true;
      if (hints.has(hint)) return false;
      hints.add(hint);
      return true;
    });
    return distinct.slice(0, MAX_SVIDS);
  }

  /** The outcome for these entries now. What is unchanged since `last` stays the same object. */
  outcomeOf(identities: readonly SyncEntry[], last: WorkloadState | undefined): Outcome {
    const { svids, view } = this.#parts;
    const bundle = this.#read(view.bundle);
    if (identities.length === 0) return { kind: 'none' };
    const held = identities.flatMap((entry) => {
      const svid = svids.get(entry.id);
      return svid ? [this.#show(svid, entry.hint)] : [];
    });
    if (held.length === 0 || bundle === undefined) return { kind: 'coming' };
    const federated = this.federatedOf(identities);
    const isWhole = held.length === identities.length;
    const keptSvids = last && isSame(last.svids, held) ? last.svids : held;
    const keptFederated = last && isSame(last.federated, federated) ? last.federated : federated;
    const isUnchanged = last?.svids === keptSvids && last.federated === keptFederated && last.bundle === bundle;
    return {
      kind: 'state',
      state: isUnchanged ? last : { svids: keptSvids, bundle, federated: keptFederated },
      isWhole,
    };
  }

  /** The bundles of the trust domains that these entries name, by name. */
  federatedOf(identities: readonly SyncEntry[]): readonly ReadTrustBundle[] {
    const { view } = this.#parts;
    if (view.federated.length === 0) return [];
    const named = new Set(identities.flatMap(({ federatesWith = [] }) => federatesWith));
    return view.federated
      .filter(({ trustDomain }) => named.has(trustDomain) && trustDomain !== view.bundle?.trustDomain)
      .map((bundle) => this.#read(bundle))
      .filter((bundle) => bundle !== undefined)
      .sort((a, b) => (a.trustDomain < b.trustDomain ? -1 : 1))
      .slice(0, MAX_BUNDLES);
  }

  /** The bundle of the own trust domain. */
  ownBundle(): ReadTrustBundle | undefined {
    return this.#read(this.#parts.view.bundle);
  }

  #read(bundle: SyncBundle | undefined): ReadTrustBundle | undefined {
    return bundle && this.#parts.bundles.of(bundle);
  }

  /** The same object for the same SVID, as long as its hint is the same. */
  #show(svid: HeldSvid, hint: string | undefined): HeldX509Svid {
    const known = this.#shown.get(svid);
    if (known && known.hint === hint) return known;
    const { spiffeId, chain, key, notAfter } = svid;
    const shown: HeldX509Svid = { spiffeId, chain, key, notAfter, ...(hint !== undefined && { hint }) };
    this.#shown.set(svid, shown);
    return shown;
  }

  *#watched(): Generator<SharedState> {
    for (const state of this.#states.values()) if (state.isWatched) yield state;
  }

  #makeRoom(): void {
    let unwatched = 0;
    for (const state of this.#states.values()) if (!state.isWatched) unwatched += 1;
    for (const [key, state] of this.#states) {
      if (unwatched <= MAX_KEPT) return;
      if (state.isWatched) continue;
      this.#states.delete(key);
      unwatched -= 1;
    }
  }
}

const olderFirst = (a: SyncEntry, b: SyncEntry): number => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
