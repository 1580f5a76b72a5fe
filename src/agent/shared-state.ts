import type { SyncEntry } from '../formats/sync-message.ts';
import type { Delays } from '../ports/timers.ts';
import type { CallerStates } from './caller-states.ts';
import type { FreshSvids } from './fresh-svids.ts';
import type { WorkloadState } from './workload-session.ts';

export type Outcome =
  /** `isWhole`: every identity has its SVID. */
  | { readonly kind: 'state'; readonly state: WorkloadState; readonly isWhole: boolean }
  /** There are identities, but no SVID of theirs yet. */
  | { readonly kind: 'coming' }
  | { readonly kind: 'none' };

/** Milliseconds that streams are left with the old state when an SVID has ended and its successor is on its way. */
const SETTLING_MS = 500;
/** How many streams hear of a change in one turn of the event loop. */
const SLICE = 64;

/** The state of all callers with the same selectors, worked out once for them. Streams hear of its changes. */
export class SharedState {
  readonly selectors: readonly string[];
  readonly #states: CallerStates;
  readonly #svids: FreshSvids;
  readonly #delays: Delays;
  readonly #listeners = new Set<() => void>();
  /** The listeners that have not heard of the newest change yet. */
  #untold = new Set<() => void>();
  #isTelling = false;
  #waiting = 0;
  #looked = Promise.withResolvers<void>();
  #version = -1;
  /** When the first of its SVIDs ends; Unix milliseconds. */
  #endsAt = Infinity;
  #identities: readonly SyncEntry[] = [];
  #outcome: Outcome = { kind: 'none' };
  #last: WorkloadState | undefined;
  /** What streams heard last. */
  #told: Outcome | undefined;
  #pins: readonly (() => void)[] = [];
  #pinned: readonly SyncEntry[] = [];
  #settling: (() => void) | undefined;

  constructor(
    states: CallerStates,
    { svids, delays }: { readonly svids: FreshSvids; readonly delays: Delays },
    selectors: readonly string[],
  ) {
    this.#states = states;
    this.#svids = svids;
    this.#delays = delays;
    this.selectors = selectors;
  }

  get isWatched(): boolean {
    return this.#listeners.size + this.#waiting > 0;
  }

  /** The entries that give an identity, in order. */
  get identities(): readonly SyncEntry[] {
    this.#refresh();
    return this.#identities;
  }

  /** The outcome as it is now. */
  get outcome(): Outcome {
    this.#refresh();
    return this.#outcome;
  }

  /**
   * What streams are shown: the outcome, except that for a moment after an SVID has ended they keep the state before, rather than
   * see one without it (DEC-36).
   */
  get told(): Outcome {
    return this.#told ?? this.outcome;
  }

  /** Calls `listener` after each change of `told`, until the function returned is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.look();
    return () => {
      this.#listeners.delete(listener);
      this.#untold.delete(listener);
      this.#letGo();
    };
  }

  /** Resolves with true once the outcome is enough, with false when `until` is first. */
  async wait(isEnough: (outcome: Outcome) => boolean, until: Promise<unknown>): Promise<boolean> {
    if (isEnough(this.outcome)) return true;
    this.#waiting += 1;
    const over = until.then(() => true);
    try {
      this.look();
      for (;;) {
        if (isEnough(this.outcome)) return true;
        if (await Promise.race([this.#looked.promise.then(() => false), over])) return isEnough(this.outcome);
      }
    } finally {
      this.#waiting -= 1;
      this.#letGo();
    }
  }

  /** To be called when something changed that may concern this state. */
  look(): void {
    this.#refresh();
    this.#looked.resolve();
    this.#looked = Promise.withResolvers();
    this.#pin();
    if (this.#listeners.size === 0) return;
    if (isLossInPassing(this.#told, this.#outcome)) {
      this.#settling ??= this.#delays.after(SETTLING_MS, () => {
        this.#settling = undefined;
        this.#tell();
      });
      return;
    }
    this.#tell();
  }

  #refresh(): void {
    const { version, now } = this.#states;
    if (this.#version === version && now < this.#endsAt) return;
    this.#version = version;
    this.#identities = this.#states.identitiesOf(this.selectors);
    for (const { id } of this.#identities) if (this.#svids.standing(id) === 'coming') this.#svids.use(id);
    this.#outcome = this.#states.outcomeOf(this.#identities, this.#last);
    this.#endsAt = Infinity;
    if (this.#outcome.kind !== 'state') return;
    this.#last = this.#outcome.state;
    this.#endsAt = Math.min(...this.#last.svids.map(({ notAfter }) => notAfter)) * 1000;
  }

  #tell(): void {
    this.#settling?.();
    this.#settling = undefined;
    const outcome = this.outcome;
    const isEqual =
      this.#told?.kind === outcome.kind &&
      (outcome.kind !== 'state' || (this.#told.kind === 'state' && this.#told.state === outcome.state));
    const isFirst = this.#told === undefined;
    // While SVIDs are on their way, streams keep what they were shown.
    if (outcome.kind !== 'coming') this.#told = outcome;
    if (isEqual || isFirst || outcome.kind === 'coming') return;
    this.#untold = new Set(this.#listeners);
    if (!this.#isTelling) this.#tellSome();
  }

  /** In slices: a thousand streams at once would keep everyone else waiting. */
  #tellSome(): void {
    this.#isTelling = true;
    let count = 0;
    for (const listener of this.#untold) {
      if (count === SLICE) break;
      count += 1;
      this.#untold.delete(listener);
      listener();
    }
    if (this.#untold.size > 0) this.#delays.after(0, () => this.#tellSome());
    else this.#isTelling = false;
  }

  /** Pins the SVIDs of a state that is watched, so that they are not dropped in favour of others. */
  #pin(): void {
    if (!this.isWatched || this.#pinned === this.#identities) return;
    const pins = this.#identities.map(({ id }) => this.#svids.pin(id));
    for (const release of this.#pins) release();
    this.#pins = pins;
    this.#pinned = this.#identities;
  }

  #letGo(): void {
    if (this.#listeners.size === 0) {
      this.#settling?.();
      this.#settling = undefined;
      this.#told = undefined;
    }
    if (this.isWatched) return;
    for (const release of this.#pins) release();
    this.#pins = [];
    this.#pinned = [];
  }
}

/** Whether `now` lacks SVIDs only until their successors are there. */
const isLossInPassing = (told: Outcome | undefined, now: Outcome): boolean =>
  told?.kind === 'state' && now.kind === 'state' && !now.isWhole && now.state.svids.length < told.state.svids.length;
