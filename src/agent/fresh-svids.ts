import { Refusal } from '../domain/refusal.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { SyncEntry } from '../formats/sync-message.ts';
import type { AgentServer } from '../ports/agent-server.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Logger } from '../ports/logger.ts';
import type { Delays } from '../ports/timers.ts';
import type { GroupedCalls } from './grouped-calls.ts';
import { acceptSvid, basisOf, type HeldSvid } from './held-svid.ts';
import type { InForce } from './in-force.ts';
import { between } from './jitter.ts';
import { Pace } from './pace.ts';
import { svidRequests, type SvidOutcome } from './request-svids.ts';
import { Schedule } from './schedule.ts';
import { SvidSlot } from './svid-slot.ts';
import type { SyncedView, ViewChange } from './synced-view.ts';
import type { TrustBundles } from './trust-bundles.ts';

export interface FreshSvidsParts {
  readonly view: SyncedView;
  readonly inForce: InForce;
  readonly bundles: TrustBundles;
  readonly server: Pick<AgentServer, 'x509Svids'>;
  readonly clock: Clock;
  readonly delays: Delays;
  readonly entropy: Entropy;
  readonly logger: Logger;
  /** The agent's own SPIFFE ID, once it has one. */
  readonly agent: () => SpiffeId | undefined;
  /** Called with the entries whose SVID was issued, dropped or refused. */
  readonly changed: (entryIds: ReadonlySet<string>) => void;
  /** How many entries get an SVID before anyone asks for it. When there are more, those used last are kept. */
  readonly maxHeld: number;
}

/** Whether an entry has an SVID, will have one shortly, or gets none. */
export type Standing = 'held' | 'coming' | 'none';

/** Of the 500 signings a second that an agent may ask for (DEC-21); the others are for tokens. */
const SIGNINGS_PER_SECOND = 250;
/** The codes of DEC-14 that say: this entry is not for this agent, or revoked. */
const FINAL_CODES: readonly string[] = ['no_identity', 'revoked'];

/**
 * Keeps an X.509-SVID for every entry of the agent, up to `maxHeld` of them: asks for it at once, renews it between 40 and 50 % of
 * its life, replaces it when it is tainted, cut off or out of date, and drops it the moment it expires or is revoked. To know
 * the last takes no round trip: each SVID has the index of its fact in the ledger.
 */
export class FreshSvids {
  readonly #parts: FreshSvidsParts;
  readonly #inForce: InForce;
  readonly #requests: GroupedCalls<string>;
  readonly #pace: Pace;
  readonly #schedule: Schedule;
  /** In order of use, the latest last. */
  readonly #slots = new Map<string, SvidSlot>();
  #isStopped = false;

  constructor(parts: FreshSvidsParts) {
    this.#parts = parts;
    this.#inForce = parts.inForce;
    this.#schedule = new Schedule(parts.clock, parts.delays, (ids) => this.#look(ids));
    this.#pace = new Pace(parts.clock, SIGNINGS_PER_SECOND);
    this.#requests = svidRequests({
      server: parts.server,
      pace: this.#pace,
      delays: parts.delays,
      random: () => this.#random(),
      settle: (id, outcome) => this.#settle(id, outcome),
    });
  }

  /** The SVID of an entry; never one that has expired or was revoked, as far as the view knows. */
  get(entryId: string): HeldSvid | undefined {
    const held = this.#slots.get(entryId)?.held;
    return held && this.#inForce.isAlive(held) ? held : undefined;
  }

  standing(entryId: string): Standing {
    const slot = this.#slots.get(entryId);
    if (slot === undefined) return this.#inForce.entry(entryId) ? 'coming' : 'none';
    if (slot.held && this.#inForce.isAlive(slot.held)) return 'held';
    return slot.isRefused || !this.#inForce.entry(entryId) ? 'none' : 'coming';
  }

  /** Somebody wants the SVID of this entry: asks for it, if it is not held yet. */
  use(entryId: string): void {
    const slot = this.#slots.get(entryId);
    if (slot) {
      this.#slots.delete(entryId);
      this.#slots.set(entryId, slot);
    } else if (this.#inForce.entry(entryId)) {
      this.#add(entryId);
      this.#makeRoom();
    }
  }

  /** As `use`, and keeps it until the returned function is called. */
  pin(entryId: string): () => void {
    this.use(entryId);
    const slot = this.#slots.get(entryId);
    if (!slot) return () => undefined;
    slot.pins += 1;
    let isPinned = true;
    return () => {
      if (isPinned) slot.pins -= 1;
      isPinned = false;
    };
  }

  /** To be called when the view changed, or who this agent is. */
  update(change?: ViewChange): void {
    const isForAll = change === undefined || change.revocations || change.bundle || change.epoch;
    const ids: string[] = [];
    for (const slot of this.#slots.values()) {
      const isForThis = isForAll || change.entries.has(slot.id);
      // The server is reachable, so that an entry without an SVID waits no longer. One that was refused is asked for again: the
      // reason is in the view by now, or gone.
      if (isForThis || slot.held === undefined) {
        slot.clear();
        ids.push(slot.id);
      }
    }
    // First, since entries that are gone make room.
    this.#look(ids);
    this.#fill();
    this.#pace.answered();
    this.#requests.again();
  }

  all(): readonly HeldSvid[] {
    return [...this.#slots.values()].flatMap(({ held }) => (held && this.#inForce.isAlive(held) ? [held] : []));
  }

  /** Takes SVIDs that were kept over a restart; the next `update` drops those that are of no use any more. */
  restore(svids: readonly HeldSvid[]): void {
    for (const held of svids) {
      const slot = new SvidSlot(held.entryId);
      slot.hold(held, this.#random());
      this.#slots.set(slot.id, slot);
    }
  }

  /** Ends renewal; the outcome of requests under way is ignored. */
  stop(): void {
    this.#isStopped = true;
    this.#callOff();
  }

  /** Drops all SVIDs and keys. */
  clear(): void {
    const ids = new Set(this.#slots.keys());
    this.#callOff();
    this.#slots.clear();
    this.#parts.changed(ids);
  }

  #callOff(): void {
    this.#requests.clear();
    this.#schedule.clear();
  }

  /** Adds entries that nobody asked for yet, as far as there is room. */
  #fill(): void {
    const { view, maxHeld } = this.#parts;
    if (this.#slots.size >= maxHeld) return;
    for (const entry of view.entries.all()) {
      if (this.#slots.size >= maxHeld) return;
      if (!this.#slots.has(entry.id) && this.#inForce.gives(entry)) this.#add(entry.id);
    }
  }

  #add(id: string): SvidSlot {
    const slot = new SvidSlot(id);
    this.#slots.set(id, slot);
    this.#plan(slot);
    return slot;
  }

  #makeRoom(): void {
    for (const slot of this.#slots.values()) {
      if (this.#slots.size <= this.#parts.maxHeld) return;
      if (slot.pins > 0 || slot.isAsked) continue;
      this.#remove(slot);
      this.#parts.changed(new Set([slot.id]));
    }
  }

  #remove({ id }: SvidSlot): void {
    this.#slots.delete(id);
    this.#schedule.delete(id);
  }

  /** Whether an SVID that is still good has to be replaced at once. */
  #isStale(held: HeldSvid, entry: SyncEntry): boolean {
    const { view, bundles } = this.#parts;
    if (held.basis !== basisOf(entry) || this.#inForce.isOfThePast(held)) return true;
    if (held.issuers.some((id) => view.tainted.includes(id))) return true;
    const bundle = view.bundle && bundles.of(view.bundle);
    return !bundle?.anchorIds.has(held.anchor);
  }

  /** From 0 up to 1. */
  #random(): number {
    return between(this.#parts.entropy, 0, 1);
  }

  /** Does what is due for these entries, and reports those whose SVID is gone. */
  #look(ids: readonly string[]): void {
    const changed = new Set<string>();
    for (const id of ids) {
      const slot = this.#slots.get(id);
      if (slot && this.#plan(slot)) changed.add(id);
    }
    if (changed.size > 0) this.#parts.changed(changed);
  }

  /** Drops the SVID if it is dead, asks for the next if that is due, and sets when to look again. True when an SVID was dropped. */
  #plan(slot: SvidSlot): boolean {
    const isGone = slot.held !== undefined && !this.#inForce.isAlive(slot.held);
    if (isGone) slot.held = undefined;
    const entry = this.#inForce.entry(slot.id);
    if (entry === undefined) {
      const known = this.#parts.view.entries.get(slot.id);
      // One that is barred may be released; it keeps its place. What was issued before the bar and not cut off stays good.
      if (known === undefined) this.#remove(slot);
      else this.#schedule.set(slot.id, slot.endsAt(known.expiresAt));
      return isGone || known === undefined;
    }
    const now = this.#parts.clock.now();
    const dueAt = Math.max(this.#wantedAt(slot, entry), slot.retryAtLatest(now));
    if (!slot.isAsked && dueAt <= now) {
      const { bundle, cursor } = this.#parts.view;
      slot.ask({ basis: basisOf(entry), agent: this.#parts.agent(), bundle, cursor });
      this.#requests.add(slot.id, slot.held === undefined);
    }
    this.#schedule.set(slot.id, Math.min(slot.endsAt(entry.expiresAt), slot.isAsked ? Infinity : dueAt));
    return isGone;
  }

  #wantedAt({ held, renewAt }: SvidSlot, entry: SyncEntry): number {
    return held && !this.#isStale(held, entry) ? renewAt : 0;
  }

  #settle(id: string, outcome: SvidOutcome): void {
    const slot = this.#slots.get(id);
    if (!slot?.isAsked || this.#isStopped) return;
    slot.isAsked = false;
    const before = this.standing(id);
    const held = slot.held;
    if ('issued' in outcome) this.#accept(slot, outcome);
    else if ('refused' in outcome) this.#refuse(slot, outcome.refused);
    else this.#retryLater(slot, outcome.failed);
    this.#plan(slot);
    if (slot.held !== held || this.standing(id) !== before) this.#parts.changed(new Set([id]));
  }

  #accept(slot: SvidSlot, outcome: Extract<SvidOutcome, { issued: unknown }>): void {
    const { view, bundles, clock } = this.#parts;
    const entry = this.#inForce.entry(slot.id);
    const { basis = '', agent } = slot.askedAs ?? {};
    const bundle = view.bundle && bundles.of(view.bundle);
    // Nobody wants it any more; `#plan` says what is next.
    if (!entry || !agent || !bundle) return;
    try {
      const held = acceptSvid({ entry, basis, agent, at: clock.now(), anchors: bundle.anchors, ...outcome });
      if (!this.#inForce.isAlive(held)) throw new Refusal('invalid_svid', 'the SVID was dead when it came');
      slot.hold(held, this.#random());
      // What changed meanwhile is asked for at once; what the server makes out of date, not without end.
      const isAnswer = basis === basisOf(entry) && slot.wasAskedUnder(this.#parts.view.bundle);
      if (isAnswer && this.#isStale(held, entry)) slot.fail(clock.now(), this.#random());
      else slot.clear();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#retryLater(slot, error);
    }
  }

  #refuse(slot: SvidSlot, code: string): void {
    if (!FINAL_CODES.includes(code)) {
      this.#retryLater(slot, new Refusal('unavailable', `the server refused with ${code}`));
      return;
    }
    // Something was told meanwhile, and the refusal may be of before it.
    if (slot.askedAs?.cursor !== this.#parts.view.cursor) {
      slot.clear();
      return;
    }
    this.#parts.logger.warn('the server gives no SVID for an entry', { entry: slot.id, code });
    slot.refuse(this.#parts.clock.now(), this.#random());
  }

  #retryLater(slot: SvidSlot, error: unknown): void {
    if (slot.wasAskedUnder(this.#parts.view.bundle)) slot.fail(this.#parts.clock.now(), this.#random());
    else slot.clear();
    const reason = error instanceof Refusal ? (error.reason ?? error.message) : 'an unexpected error';
    this.#parts.logger.debug('no SVID for an entry yet', { entry: slot.id, reason });
  }
}
