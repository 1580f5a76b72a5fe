import type { Socket } from 'node:net';
import type { RecordId } from '../../../domain/record-id.ts';
import type { SpiffeId } from '../../../domain/spiffe-id.ts';
import { MAX_AGENT_LINE_BYTES } from '../../../formats/agent-message.ts';
import type { SyncBye } from '../../../formats/sync-message.ts';
import type { CredentialRow } from '../../../ports/views.ts';
import type { AgentScope } from '../../../usecases/agent-scope.ts';

/** Octets that may wait for a reader, beside the state that it was told whole. */
export const MAX_WAITING_BYTES = 1024 * 1024;

/** What one agent may say between two visits. */
const LINES_PER_VISIT = 1000;
const BYTES_PER_VISIT = 1024 * 1024;

const NEWLINE = 0x0a;
const NOTHING = Buffer.alloc(0);

const bytesIn = (lines: readonly Buffer[]): number => lines.reduce((sum, { length }) => sum + length, 0);

/** Who looks after the streams. */
export interface StreamOwner {
  /** A whole line, without its end. Throws when it is no good. */
  heard(stream: AgentStream, line: Buffer): void;
  /** The peer has ended its side. */
  ended(stream: AgentStream): void;
  closed(stream: AgentStream): void;
  /** It was dropped, for this reason. */
  dropped(stream: AgentStream, reason: string): void;
}

/** Node's sockets hold their stream under this name, so that all share the functions that listen. */
const STREAM = Symbol('agent stream');

interface StreamSocket extends Socket {
  [STREAM]: AgentStream;
}

function onData(this: Socket, chunk: Buffer): void {
  (this as StreamSocket)[STREAM].read(chunk);
}

function onDrain(this: Socket): void {
  (this as StreamSocket)[STREAM].flush();
}

function onEnd(this: Socket): void {
  const stream = (this as StreamSocket)[STREAM];
  stream.owner.ended(stream);
}

function onClose(this: Socket): void {
  const stream = (this as StreamSocket)[STREAM];
  stream.owner.closed(stream);
}

/**
 * One open connection of an agent; an error on it is followed by `close`, which says all that matters. There are thousands, so
 * that each holds little and makes no function of its own.
 */
export class AgentStream implements AgentScope {
  readonly owner: StreamOwner;
  readonly socket: Socket;
  readonly agent: SpiffeId;
  readonly row: CredentialRow;
  readonly source: string;
  /** Unlike that of any other stream of its owner. */
  readonly id: number;
  /** Unix milliseconds. */
  readonly since: number;
  groups: readonly SpiffeId[];
  /** Unix milliseconds of what it said last. */
  seen: number;
  /** The newest place that it was told, and the newest that it acknowledged. */
  told = -1;
  acknowledged = -1;
  /** Since when it owes an acknowledgement, as far as the timer saw; Unix milliseconds. */
  behindSince: number | undefined;
  /** How often the timer came by, and came by since it said anything. */
  visits = 0;
  silent = 0;
  /** The last line was said, and only what it still says is heard. */
  bye: SyncBye['reason'] | undefined;
  #partial: Buffer = NOTHING;
  /** What waits until a whole state is told; present while one is. */
  #held: Buffer[] | undefined;
  #heldBytes = 0;
  /** What waits until the socket takes more; present while it takes nothing. */
  #backlog: Buffer[] | undefined;
  #waiting = 0;
  #allowed = MAX_WAITING_BYTES;
  #stalled = 0;
  #lines = 0;
  #bytes = 0;
  #resynced = -1;

  constructor(
    owner: StreamOwner,
    socket: Socket,
    { agent, row, groups, source, id, now }: AgentScope & Pick<AgentStream, 'source' | 'id'> & { readonly now: number },
  ) {
    this.owner = owner;
    this.socket = socket;
    this.agent = agent;
    this.row = row;
    this.groups = groups;
    this.source = source;
    this.id = id;
    this.since = now;
    this.seen = now;
    (socket as StreamSocket)[STREAM] = this;
    socket.on('data', onData);
    socket.on('drain', onDrain);
    socket.on('end', onEnd);
    socket.on('close', onClose);
  }

  get serial(): RecordId {
    return this.row.id;
  }

  get isOpen(): boolean {
    return this.bye === undefined && !this.socket.destroyed;
  }

  /** Nothing waits to be written. */
  get isFlowing(): boolean {
    return this.#backlog === undefined && this.#held === undefined;
  }

  /** For how many visits nothing of what waits was taken. */
  get stalled(): number {
    return this.#stalled;
  }

  /** Says a whole state: however large it is, it may wait, and does not count as slowness. */
  sayWhole(lines: readonly Buffer[]): void {
    this.#allowed += bytesIn(lines);
    this.#say(lines);
  }

  /** What is said from now on waits, all but what `sayWhole` says. */
  hold(): void {
    this.#held ??= [];
  }

  /** Says what waited for that. */
  letGo(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#heldBytes = 0;
    this.say(held);
  }

  /** Says lines in order. A reader that leaves too much unread is dropped. */
  say(lines: readonly Buffer[]): void {
    if (this.#held === undefined) {
      this.#say(lines);
      return;
    }
    if (!this.isOpen) return;
    for (const line of lines) this.#held.push(line);
    this.#heldBytes += bytesIn(lines);
    if (this.#heldBytes > MAX_WAITING_BYTES) this.drop('more changes than it can be told');
  }

  /**
   * Says the last line; what waited before it is forgotten. The peer may still acknowledge, and is left the connection where it
   * has to; whoever does not close is dropped after a while.
   */
  end(reason: SyncBye['reason'], line: Buffer): void {
    if (!this.isOpen) return;
    this.bye = reason;
    this.#held = undefined;
    this.#backlog = undefined;
    this.#waiting = 0;
    // A peer whose other side has ended cannot say anything any more, as its runtime has it.
    if (reason === 'revoked') this.socket.write(line);
    else this.socket.end(line);
  }

  drop(reason: string): void {
    if (this.socket.destroyed) return;
    this.socket.destroy();
    this.owner.dropped(this, reason);
  }

  /** Whether it may ask for everything again; not more than once between two visits. */
  mayResync(): boolean {
    if (this.#resynced === this.visits) return false;
    this.#resynced = this.visits;
    return true;
  }

  /** The timer comes by: counts begin anew. */
  visit(): void {
    this.visits += 1;
    this.silent += 1;
    this.#lines = 0;
    this.#bytes = 0;
    if (this.#backlog !== undefined) this.#stalled += 1;
  }

  /** The socket takes more. */
  flush(): void {
    const waiting = this.#backlog;
    if (waiting === undefined) return;
    this.#backlog = undefined;
    this.#waiting = 0;
    this.#stalled = 0;
    this.socket.cork();
    for (const line of waiting) this.#write(line);
    this.socket.uncork();
    if (this.#backlog === undefined) this.#allowed = MAX_WAITING_BYTES;
  }

  /** Octets came. */
  read(chunk: Buffer): void {
    this.silent = 0;
    this.#bytes += chunk.length;
    if (this.#bytes > BYTES_PER_VISIT) {
      this.drop('it says too much');
      return;
    }
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#hear(chunk.subarray(start, end));
      if (this.socket.destroyed) return;
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  #hear(rest: Buffer): void {
    const line = this.#partial.length === 0 ? rest : Buffer.concat([this.#partial, rest]);
    this.#partial = NOTHING;
    this.#lines += 1;
    if (this.#lines > LINES_PER_VISIT) {
      this.drop('it says too many lines');
      return;
    }
    try {
      this.owner.heard(this, line);
    } catch (error) {
      this.drop(Error.isError(error) ? error.message : 'a line is no good');
    }
  }

  #keep(rest: Buffer): void {
    if (this.#partial.length + rest.length > MAX_AGENT_LINE_BYTES) this.drop('a line is too long');
    // A copy: the chunk is part of a larger buffer that would stay with it.
    else this.#partial = Buffer.concat([this.#partial, rest]);
  }

  #say(lines: readonly Buffer[]): void {
    if (!this.isOpen) return;
    this.socket.cork();
    for (const line of lines) this.#write(line);
    this.socket.uncork();
    if (this.#waiting > this.#allowed) this.drop('it does not read what it is told');
  }

  #write(line: Buffer): void {
    if (this.#backlog !== undefined) {
      this.#backlog.push(line);
      this.#waiting += line.length;
    } else if (!this.socket.write(line)) {
      this.#backlog = [];
    }
  }
}
