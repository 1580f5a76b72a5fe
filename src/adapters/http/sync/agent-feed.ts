import type { Socket } from 'node:net';
import { unixSeconds } from '../../../domain/instant.ts';
import type { RecordId } from '../../../domain/record-id.ts';
import { Refusal } from '../../../domain/refusal.ts';
import { readAgentMessage } from '../../../formats/agent-message.ts';
import type { SyncBye, SyncPlace } from '../../../formats/sync-message.ts';
import type { Logger } from '../../../ports/logger.ts';
import type { Delays } from '../../../ports/timers.ts';
import type { Change } from '../../../ports/views.ts';
import type { Caller } from '../../../usecases/authenticate-caller.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import { AgentTales, SYNC_HEARTBEAT } from '../../../usecases/tell-agent.ts';
import { AgentStream, type StreamOwner } from './agent-stream.ts';
import type { FeedListener } from './feed-listener.ts';
import { goodbye, voidGoodbye } from './goodbye.ts';
import { StreamTable } from './stream-table.ts';
import { tellWhole } from './tell-whole.ts';
import { turn } from './turn.ts';
import { Teller, type TellerParts } from './teller.ts';
import { voidReason } from './void-identity.ts';

const TICK_MS = 100;
const SLOTS = (SYNC_HEARTBEAT * 1000) / TICK_MS;
/** In every so many visits a place is told before the time: the agent acknowledges it, and so shows that it is there. */
const VISITS_PER_CURSOR = 12;
/** Visits without a word, or without one octet taken: the agent is gone. */
const SILENT_VISITS = 2 * VISITS_PER_CURSOR + 6;
const STALLED_VISITS = 6;
/** A new connection of an agent is welcome while old ones may be dead without our knowing. */
const STREAMS_PER_AGENT = 4;
/** How long those who were told that it is over may take to go. */
const LEAVE_MS = 1000;

const problemOf = (error: unknown): string => (Error.isError(error) ? error.message : 'unknown');

export interface FeedParts {
  readonly issuer: Issuer;
  readonly delays: Delays;
  readonly logger: Logger;
  /** Calls back soon after the ledger's change feed has grown; returns how to stop. */
  readonly onChanges: (listener: () => void) => () => void;
  readonly listener: FeedListener;
  readonly moved?: TellerParts['moved'];
  /** Streams open at once. */
  readonly most: number;
}

/** The feed of a front end's agents (DEC-35): tells each what concerns it, as soon as it is on record. */
export class AgentFeed implements StreamOwner {
  readonly #parts: FeedParts;
  readonly #tales: AgentTales;
  readonly #teller: Teller;
  readonly #table = new StreamTable(SLOTS);
  readonly #stops: (() => void)[] = [];
  #touched = new Set<AgentStream>();
  #stopTicking: (() => void) | undefined;
  #ticks = 0;
  #opened = 0;
  /** Unix seconds at which the first of the SVIDs in use expires. */
  #firstExpiry = Infinity;
  #closing = false;

  constructor(parts: FeedParts) {
    const { issuer, onChanges } = parts;
    this.#parts = parts;
    this.#tales = new AgentTales(issuer);
    this.#teller = new Teller({
      issuer,
      tales: this.#tales,
      table: this.#table,
      moved: parts.moved ?? (() => Promise.resolve()),
      end: (stream, reason) => this.#end(stream, reason),
      failed: (error) => this.#failed(error),
    });
    for (const topic of ['entries', 'revocations', 'authorities'] as const) {
      this.#stops.push(issuer.follower.on(topic, (changes) => this.#tell(changes)));
    }
    this.#stops.push(onChanges(() => this.#refresh()));
  }

  /** Refuses with `busy` when there is no room, and when the server stops. */
  checkRoom(): void {
    if (this.#closing || this.#table.size >= this.#parts.most) {
      throw new Refusal('busy', 'no more agents can be followed here now', { retryAfter: 1 });
    }
  }

  /** Takes a connection over for an agent that was checked; tells what it misses since `after`, or everything. */
  open(socket: Socket, first: Buffer, { row, spiffeId }: Caller, source: string, after: SyncPlace | undefined): void {
    const { issuer, listener } = this.#parts;
    const groups = this.#tales.groups(row);
    const now = issuer.clock.now();
    const stream = new AgentStream(this, socket, { agent: spiffeId, row, groups, source, id: this.#opened, now });
    this.#opened += 1;
    this.#makeRoomFor(stream);
    this.#table.add(stream);
    this.#firstExpiry = Math.min(this.#firstExpiry, row.notAfter);
    stream.say([this.#tales.welcome()]);
    this.#tellState(stream, after);
    this.#touched.add(stream);
    listener.open(this.#table.size);
    this.#tickSoon();
    // A ban that was told between the check of the caller and this place was told to others only.
    const reason = this.#closing ? 'shutdown' : voidReason(issuer, stream);
    if (reason !== undefined) this.#end(stream, reason);
    if (first.length > 0) stream.read(first);
  }

  /** The successor of this credential was presented: its streams go on with the new one (DEC-12). */
  superseded(serial: RecordId): void {
    for (const stream of this.#table.all()) if (stream.serial === serial) this.#end(stream, 'expired');
  }

  /** Says goodbye to everyone; resolves when all are gone. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const stop of this.#stops) stop();
    this.#endAll('shutdown');
    const left = [...this.#table.all()].map(
      ({ socket }) => new Promise<void>((resolve) => void socket.once('close', () => resolve())),
    );
    const callOff = this.#parts.delays.after(LEAVE_MS, () => {
      for (const { socket } of this.#table.all()) socket.destroy();
    });
    await Promise.all(left);
    callOff();
    this.#stopTicking?.();
    this.#report();
  }

  heard(stream: AgentStream, line: Buffer): void {
    stream.seen = this.#parts.issuer.clock.now();
    const message = readAgentMessage(line);
    switch (message?.type) {
      case 'ack':
        return this.#acknowledge(stream, message.cursor);
      case 'resync':
        return this.#resync(stream);
      case 'denials':
        return this.#parts.listener.denied(stream, message.denials);
      default:
        return undefined;
    }
  }

  ended(stream: AgentStream): void {
    this.#touched.add(stream);
    stream.socket.end();
  }

  closed(stream: AgentStream): void {
    this.#teller.forget(stream);
    this.#table.remove(stream);
    this.#touched.add(stream);
    this.#parts.listener.open(this.#table.size);
  }

  dropped(stream: AgentStream, reason: string): void {
    const { agent, source } = stream;
    this.#parts.logger.warn('an agent was dropped from the feed', { agent, source, reason });
    this.#parts.listener.dropped();
  }

  #acknowledge(stream: AgentStream, { epoch, index }: SyncPlace): void {
    if (epoch !== this.#tales.epoch || index > stream.told) {
      throw new Refusal('invalid_request', 'it acknowledges what it was not told');
    }
    stream.acknowledged = Math.max(stream.acknowledged, index);
    if (stream.acknowledged === stream.told) stream.behindSince = undefined;
    this.#touched.add(stream);
    if (stream.bye === 'revoked' && stream.acknowledged === stream.told) stream.socket.end();
  }

  #resync(stream: AgentStream): void {
    if (!stream.isFlowing || !stream.isOpen) return;
    if (!stream.mayResync()) throw new Refusal('rate_limited', 'it asks for everything too often');
    this.#teller.forget(stream);
    this.#tellState(stream, undefined);
  }

  #tellState(stream: AgentStream, after: SyncPlace | undefined): void {
    const { index, parts } = (after && this.#tales.since(stream, after)) ?? this.#tales.whole(stream);
    stream.told = index;
    tellWhole(stream, parts, turn).catch((error: unknown) => stream.drop(`it cannot be told: ${problemOf(error)}`));
  }

  #makeRoomFor({ agent }: AgentStream): void {
    const [oldest, ...others] = this.#table.of(agent).filter(({ isOpen }) => isOpen);
    if (oldest && others.length + 1 >= STREAMS_PER_AGENT) this.#end(oldest, 'overload');
  }

  #end(stream: AgentStream, reason: SyncBye['reason'], line?: Buffer): void {
    this.#touched.add(stream);
    if (reason !== 'revoked') return stream.end(reason, line ?? goodbye(reason));
    // Who confirms that all is void does so for all that is known here.
    const cursor = this.#tales.place();
    stream.told = Math.max(stream.told, cursor.index);
    stream.end(reason, voidGoodbye(cursor));
  }

  #endAll(reason: 'shutdown' | 'overload'): void {
    const line = goodbye(reason, this.#table.size);
    for (const stream of this.#table.all()) this.#end(stream, reason, line);
  }

  /** Whoever followed may have missed something: all come anew, and are told everything. */
  #failed(error: unknown): void {
    this.#parts.logger.error('the feed of agents failed', { error: problemOf(error) });
    this.#endAll('overload');
  }

  #tell(changes: readonly Change[]): void {
    if (this.#table.size > 0) this.#teller.tell(changes);
  }

  /** Nobody waits for this one, and what it does not do the next tick does. */
  #refresh(): void {
    try {
      if (this.#table.size > 0) this.#parts.issuer.follower.refresh();
    } catch (error) {
      this.#parts.logger.error('changes cannot be told now', { error: problemOf(error) });
    }
  }

  #tickSoon(): void {
    this.#stopTicking ??= this.#parts.delays.after(TICK_MS, () => {
      this.#stopTicking = undefined;
      try {
        this.#tick();
      } catch (error) {
        this.#failed(error);
      }
      if (this.#table.size > 0) this.#tickSoon();
    });
  }

  #tick(): void {
    this.#ticks += 1;
    this.#tales.advance();
    const now = this.#parts.issuer.clock.now();
    this.#endExpired(unixSeconds(now));
    this.#tell(this.#expired(unixSeconds(now)));
    this.#teller.tick();
    const heartbeat = this.#tales.heartbeat();
    for (const stream of this.#table.inSlot(this.#ticks)) this.#visit(stream, heartbeat);
    this.#report();
  }

  /** No fact says that an entry expires, so that it is told here. */
  #expired(now: number): readonly Change[] {
    return this.#tales.expiring
      .due(now)
      .map(({ id, parentId }) => ({ cursor: this.#tales.place(), kind: 'entry-updated', subject: id, was: parentId }));
  }

  #endExpired(now: number): void {
    if (now <= this.#firstExpiry) return;
    this.#firstExpiry = Infinity;
    for (const stream of [...this.#table.all()].filter(({ isOpen }) => isOpen)) {
      if (now > stream.row.notAfter) this.#end(stream, 'expired');
      else this.#firstExpiry = Math.min(this.#firstExpiry, stream.row.notAfter);
    }
  }

  #report(): void {
    if (this.#touched.size === 0) return;
    const touched = this.#touched;
    this.#touched = new Set();
    this.#parts.listener.changed(touched);
  }

  #visit(stream: AgentStream, heartbeat: Buffer): void {
    stream.visit();
    if (stream.told > stream.acknowledged) {
      stream.behindSince ??= this.#parts.issuer.clock.now();
      this.#touched.add(stream);
    }
    if (!stream.isOpen) stream.socket.destroy();
    else if (stream.silent > SILENT_VISITS) stream.drop('it has been silent for too long');
    else if (stream.stalled > STALLED_VISITS) stream.drop('it does not read what it is told');
    else if (!stream.isFlowing) return;
    else if (stream.visits % VISITS_PER_CURSOR > 0) stream.say([heartbeat]);
    else this.#lookAfter(stream, heartbeat);
  }

  /** Once a minute: the place, which the agent acknowledges; and whether its SVID is still the one to use. */
  #lookAfter(stream: AgentStream, heartbeat: Buffer): void {
    if (this.#parts.issuer.views.credentials.get(stream.serial)?.superseded === true) {
      this.#end(stream, 'expired');
    } else if (!this.#teller.isTelling) {
      const { index, line } = this.#tales.cursor();
      stream.told = index;
      stream.say([line, heartbeat]);
    }
  }
}
