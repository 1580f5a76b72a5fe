import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { SyncEntry } from '../formats/sync-message.ts';
import type { AgentServer } from '../ports/agent-server.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Delays } from '../ports/timers.ts';
import type { GroupedCalls } from './grouped-calls.ts';
import { basisOf, type HeldSvid } from './held-svid.ts';
import type { InForce } from './in-force.ts';
import { between } from './jitter.ts';
import { Pace } from './pace.ts';
import { svidRequests, type SvidOutcome } from './request-svids.ts';
import { Schedule } from './schedule.ts';
import { isStale } from './stale-svid.ts';
import { SvidOutcomes, type SvidOutcomesParts } from './svid-outcomes.ts';
import type { SvidSlot } from './svid-slot.ts';
import { SvidSlots } from './svid-slots.ts';
import type { ViewChange } from './synced-view.ts';

export interface FreshSvidsParts extends SvidOutcomesParts {
  readonly server: Pick<AgentServer, 'x509Svids'>;
  readonly delays: Delays;
  readonly entropy: Entropy;
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
  readonly #slots: SvidSlots;
  readonly #outcomes: SvidOutcomes;
  #isStopped = false;

  constructor(parts: FreshSvidsParts) {
    this.#parts = parts;
    this.#inForce = parts.inForce;
    this.#slots = new SvidSlots(parts);
    this.#outcomes = new SvidOutcomes(parts, () => this.#random());
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
    const added = this.#slots.use(entryId);
    if (added === undefined) return;
    this.#plan(added);
    for (const slot of this.#slots.surplus()) {
      this.#remove(slot);
      this.#parts.changed(new Set([slot.id]));
    }
  }

  /** As `use`, and keeps it until the returned function is called. */
  pin(entryId: string): () => void {
    this.use(entryId);
    return this.#slots.get(entryId)?.pin() ?? (() => undefined);
  }

  /** To be called when the view changed, or who this agent is. */
  update(change?: ViewChange): void {
    const isForAll = change === undefined || change.revocations || change.bundle || change.epoch;
    const ids: string[] = [];
    for (const slot of this.#slots.all()) {
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
    for (const slot of this.#slots.fill()) this.#plan(slot);
    this.#pace.answered();
    this.#requests.again();
  }

  all(): readonly HeldSvid[] {
    return this.#slots.all().flatMap(({ held }) => (held && this.#inForce.isAlive(held) ? [held] : []));
  }

  /** Takes SVIDs that were kept over a restart; the next `update` drops those that are of no use any more. */
  restore(svids: readonly HeldSvid[]): void {
    for (const held of svids) this.#slots.add(held.entryId).hold(held, this.#random());
  }

  /** Ends renewal; the outcome of requests under way is ignored. */
  stop(): void {
    this.#isStopped = true;
    this.#callOff();
  }

  /** Drops all SVIDs and keys. */
  clear(): void {
    const ids = new Set(this.#slots.all().map(({ id }) => id));
    this.#callOff();
    this.#slots.clear();
    this.#parts.changed(ids);
  }

  #callOff(): void {
    this.#requests.clear();
    this.#schedule.clear();
  }

  #remove({ id }: SvidSlot): void {
    this.#slots.delete(id);
    this.#schedule.delete(id);
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
    return held && !isStale(this.#parts, held, entry) ? renewAt : 0;
  }

  #settle(id: string, outcome: SvidOutcome): void {
    const slot = this.#slots.get(id);
    if (!slot?.isAsked || this.#isStopped) return;
    const before = this.standing(id);
    const held = slot.held;
    this.#outcomes.settle(slot, outcome);
    this.#plan(slot);
    if (slot.held !== held || this.standing(id) !== before) this.#parts.changed(new Set([id]));
  }
}
