import type { Socket } from 'node:net';
import type { Cursor } from '../../../domain/cursor.ts';
import { unixSeconds } from '../../../domain/instant.ts';
import type { RecordId } from '../../../domain/record-id.ts';
import { Refusal } from '../../../domain/refusal.ts';
import { readAgentMessage } from '../../../formats/agent-message.ts';
import type { SyncBye } from '../../../formats/sync-message.ts';
import type { Logger } from '../../../ports/logger.ts';
import type { Delays } from '../../../ports/timers.ts';
import type { Change } from '../../../ports/views.ts';
import type { Caller } from '../../../usecases/authenticate-caller.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import { FeedWriter, SYNC_HEARTBEAT } from '../../../usecases/feed-writer.ts';
import { standAside } from '../stand-aside.ts';
import { AgentStream, type StreamOwner } from './agent-stream.ts';
import type { FeedListener } from './feed-listener.ts';
import { goodbye, voidGoodbye } from './goodbye.ts';
import { StreamTable } from './stream-table.ts';
import { sendUpdate } from './send-update.ts';
import { ChangeBroadcaster, type BroadcasterParts } from './change-broadcaster.ts';
import { voidReason } from './void-identity.ts';

const TICK_MS = 100;
const SLOTS = (SYNC_HEARTBEAT * 1000) / TICK_MS;
/** At every so many visits a cursor is sent although nothing changed: by acknowledging it the agent shows that it lives. */
const VISITS_PER_CURSOR = 12;
/** After so many visits without a line from the agent, or without an octet taken by it, the agent is gone. */
const SILENT_VISITS = 2 * VISITS_PER_CURSOR + 6;
const STALLED_VISITS = 6;
/** More than one: old connections of an agent may be dead without our knowing. */
const STREAMS_PER_AGENT = 4;
/** How long agents may take to close after the last line. */
const LEAVE_MS = 1000;

const problemOf = (error: unknown): string => (Error.isError(error) ? error.message : 'unknown');

export interface FeedParts {
  readonly issuer: Issuer;
  readonly delays: Delays;
  readonly logger: Logger;
  /** Calls back soon after the ledger's change feed has grown; returns how to stop. */
  readonly onChanges: (listener: () => void) => () => void;
  readonly listener: FeedListener;
  readonly moved?: BroadcasterParts['moved'];
  /** How many streams may be open at once. */
  readonly most: number;
}

/** The sync feed of one front end (DEC-35): sends each of its agents what concerns it, as soon as that is on record. */
export class AgentFeed implements StreamOwner {
  readonly #parts: FeedParts;
  readonly #writer: FeedWriter;
  readonly #broadcaster: ChangeBroadcaster;
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
    this.#writer = new FeedWriter(issuer);
    this.#broadcaster = new ChangeBroadcaster({
      issuer,
      writer: this.#writer,
      table: this.#table,
      moved: parts.moved ?? (() => Promise.resolve()),
      end: (stream, reason) => this.#end(stream, reason),
      failed: (error) => this.#failed(error),
    });
    for (const topic of ['entries', 'revocations', 'authorities'] as const) {
      this.#stops.push(issuer.follower.on(topic, (changes) => this.#broadcast(changes)));
    }
    this.#stops.push(onChanges(() => this.#refresh()));
  }

  /** Refuses with `busy` when there is no room, and when the server stops. */
  checkRoom(): void {
    if (this.#closing || this.#table.size >= this.#parts.most) {
      throw new Refusal('busy', 'no more agents can be followed here now', { retryAfter: 1 });
    }
  }

  /** Takes over the connection of an agent that was authenticated; sends the changes since `after`, or a snapshot. */
  open(socket: Socket, first: Buffer, { row, spiffeId }: Caller, source: string, after: Cursor | undefined): void {
    const { issuer, listener } = this.#parts;
    const groups = this.#writer.groups(row);
    const now = issuer.clock.now();
    const stream = new AgentStream(this, socket, { agent: spiffeId, row, groups, source, id: this.#opened, now });
    this.#opened += 1;
    this.#makeRoomFor(stream);
    this.#table.add(stream);
    this.#firstExpiry = Math.min(this.#firstExpiry, row.notAfter);
    stream.send([this.#writer.welcome()]);
    this.#sendState(stream, after);
    this.#touched.add(stream);
    listener.open(this.#table.size);
    this.#tickSoon();
    // A ban between the authentication of the caller and here was not sent to this stream.
    const reason = this.#closing ? 'shutdown' : voidReason(issuer, stream);
    if (reason !== undefined) this.#end(stream, reason);
    if (first.length > 0) stream.read(first);
  }

  /** The credential's successor was presented (DEC-12): ends its streams, so that the agent comes back with the new one. */
  superseded(serial: RecordId): void {
    for (const stream of this.#table.all()) if (stream.serial === serial) this.#end(stream, 'expired');
  }

  /** Ends all streams; resolves when they are closed. */
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

  received(stream: AgentStream, line: Buffer): void {
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
    this.#broadcaster.forget(stream);
    this.#table.remove(stream);
    this.#touched.add(stream);
    this.#parts.listener.open(this.#table.size);
  }

  dropped(stream: AgentStream, reason: string): void {
    const { agent, source } = stream;
    this.#parts.logger.warn('an agent was dropped from the feed', { agent, source, reason });
    this.#parts.listener.dropped();
  }

  #acknowledge(stream: AgentStream, { epoch, index }: Cursor): void {
    if (epoch !== this.#writer.epoch || index > stream.sent) {
      throw new Refusal('invalid_request', 'it acknowledges what it was not told');
    }
    stream.acknowledged = Math.max(stream.acknowledged, index);
    if (stream.acknowledged === stream.sent) stream.behindSince = undefined;
    this.#touched.add(stream);
    if (stream.bye === 'revoked' && stream.acknowledged === stream.sent) stream.socket.end();
  }

  #resync(stream: AgentStream): void {
    if (!stream.isFlowing || !stream.isOpen) return;
    if (!stream.mayResync()) throw new Refusal('rate_limited', 'it asks for everything too often');
    this.#broadcaster.forget(stream);
    this.#sendState(stream, undefined);
  }

  #sendState(stream: AgentStream, after: Cursor | undefined): void {
    const { index, parts } = (after && this.#writer.delta(stream, after)) ?? this.#writer.snapshot(stream);
    stream.sent = index;
    sendUpdate(stream, parts, standAside).catch((error: unknown) =>
      stream.drop(`it cannot be told: ${problemOf(error)}`),
    );
  }

  #makeRoomFor({ agent }: AgentStream): void {
    const [oldest, ...others] = this.#table.of(agent).filter(({ isOpen }) => isOpen);
    if (oldest && others.length + 1 >= STREAMS_PER_AGENT) this.#end(oldest, 'overload');
  }

  #end(stream: AgentStream, reason: SyncBye['reason'], line?: Buffer): void {
    this.#touched.add(stream);
    if (reason !== 'revoked') return stream.end(reason, line ?? goodbye(reason));
    // By this last acknowledgement the agent confirms everything that is known here.
    const cursor = this.#writer.place();
    stream.sent = Math.max(stream.sent, cursor.index);
    stream.end(reason, voidGoodbye(cursor));
  }

  #endAll(reason: 'shutdown' | 'overload'): void {
    const line = goodbye(reason, this.#table.size);
    for (const stream of this.#table.all()) this.#end(stream, reason, line);
  }

  /** Some agents may have missed a change: all have to come back and start from a snapshot. */
  #failed(error: unknown): void {
    this.#parts.logger.error('the feed of agents failed', { error: problemOf(error) });
    this.#endAll('overload');
  }

  #broadcast(changes: readonly Change[]): void {
    if (this.#table.size > 0) this.#broadcaster.broadcast(changes);
  }

  /** Only brings changes sooner: when it fails, the next tick brings them. */
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
    this.#writer.advance();
    const now = this.#parts.issuer.clock.now();
    this.#endExpired(unixSeconds(now));
    this.#broadcast(this.#expired(unixSeconds(now)));
    this.#broadcaster.tick();
    const heartbeat = this.#writer.heartbeat();
    for (const stream of this.#table.inSlot(this.#ticks)) this.#visit(stream, heartbeat);
    this.#report();
  }

  /** No fact is recorded when an entry expires: it is announced from here. */
  #expired(now: number): readonly Change[] {
    return this.#writer.expiring
      .due(now)
      .map(({ id, parentId }) => ({ cursor: this.#writer.place(), kind: 'entry-updated', subject: id, was: parentId }));
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
    if (stream.sent > stream.acknowledged) {
      stream.behindSince ??= this.#parts.issuer.clock.now();
      this.#touched.add(stream);
    }
    if (!stream.isOpen) stream.socket.destroy();
    else if (stream.silent > SILENT_VISITS) stream.drop('it has been silent for too long');
    else if (stream.stalled > STALLED_VISITS) stream.drop('it does not read what it is told');
    else if (!stream.isFlowing) return;
    else if (stream.visits % VISITS_PER_CURSOR > 0) stream.send([heartbeat]);
    else this.#lookAfter(stream, heartbeat);
  }

  /** Once a minute: sends a cursor to acknowledge, and looks whether the SVID of the stream was superseded. */
  #lookAfter(stream: AgentStream, heartbeat: Buffer): void {
    if (this.#parts.issuer.views.credentials.get(stream.serial)?.superseded === true) {
      this.#end(stream, 'expired');
    } else if (!this.#broadcaster.isSending) {
      const { index, line } = this.#writer.cursor();
      stream.sent = index;
      stream.send([line, heartbeat]);
    }
  }
}
