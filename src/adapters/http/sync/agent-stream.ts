import type { Socket } from 'node:net';
import type { RecordId } from '../../../domain/record-id.ts';
import type { SpiffeId } from '../../../domain/spiffe-id.ts';
import { MAX_AGENT_LINE_BYTES } from '../../../formats/agent-message.ts';
import type { SyncBye } from '../../../formats/sync-message.ts';
import type { CredentialRow } from '../../../ports/views.ts';
import type { AgentScope } from '../../../usecases/agent-scope.ts';

/** How many octets may wait for a slow reader, beside those of an update in parts. */
export const MAX_WAITING_BYTES = 1024 * 1024;

/** How much one agent may send between two visits of the timer. */
const LINES_PER_VISIT = 1000;
const BYTES_PER_VISIT = 1024 * 1024;

const NEWLINE = 0x0a;
const NOTHING = Buffer.alloc(0);

const bytesIn = (lines: readonly Buffer[]): number => lines.reduce((sum, { length }) => sum + length, 0);

/** Whoever is responsible for a stream. */
export interface StreamOwner {
  /** A complete line came, here without its end. Throws when the line is not acceptable: then the stream is dropped. */
  received(stream: AgentStream, line: Buffer): void;
  /** The peer has closed its side of the connection. */
  ended(stream: AgentStream): void;
  closed(stream: AgentStream): void;
  /** The stream was dropped for `reason`. */
  dropped(stream: AgentStream, reason: string): void;
}

/** Where a socket holds its stream, so that all sockets can share the same listeners. */
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
 * One open connection of an agent. There are thousands, so that each holds little and makes no closure of its own. Errors
 * need no listener of their own: `close` follows them.
 */
export class AgentStream implements AgentScope {
  readonly owner: StreamOwner;
  readonly socket: Socket;
  readonly agent: SpiffeId;
  readonly row: CredentialRow;
  readonly source: string;
  /** Unique among the streams of its owner. */
  readonly id: number;
  /** Unix milliseconds. */
  readonly since: number;
  groups: readonly SpiffeId[];
  /** Unix milliseconds at which the agent sent something last. */
  seen: number;
  /** The index of the newest cursor that was sent, and of the newest that the agent acknowledged. */
  sent = -1;
  acknowledged = -1;
  /** Unix milliseconds at which the timer first saw that an acknowledgement is missing. */
  behindSince: number | undefined;
  /** Visits of the timer: all, and those since the agent sent anything. */
  visits = 0;
  silent = 0;
  /** Why the stream ends, once its last line was sent. The agent may still acknowledge. */
  bye: SyncBye['reason'] | undefined;
  #partial: Buffer = NOTHING;
  /** What waits until an update in parts is complete; present while one is being sent. */
  #held: Buffer[] | undefined;
  #heldBytes = 0;
  /** What waits until the socket drains; present while it is full. */
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

  /** Whether nothing waits to be written. */
  get isFlowing(): boolean {
    return this.#backlog === undefined && this.#held === undefined;
  }

  /** For how many visits the socket has taken nothing of what waits. */
  get stalled(): number {
    return this.#stalled;
  }

  /** Sends one part of an update. However large, it may wait for the reader: it does not count against its speed. */
  sendPart(lines: readonly Buffer[]): void {
    this.#allowed += bytesIn(lines);
    this.#send(lines);
  }

  /** From here on only `sendPart` sends; what `send` is given waits for `release`. */
  hold(): void {
    this.#held ??= [];
  }

  /** Sends what waited since `hold`. */
  release(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#heldBytes = 0;
    this.send(held);
  }

  /** Sends lines in order. A reader that leaves too much unread is dropped. */
  send(lines: readonly Buffer[]): void {
    if (this.#held === undefined) {
      this.#send(lines);
      return;
    }
    if (!this.isOpen) return;
    for (const line of lines) this.#held.push(line);
    this.#heldBytes += bytesIn(lines);
    if (this.#heldBytes > MAX_WAITING_BYTES) this.drop('more changes than it can be told');
  }

  /**
   * Sends the last line; what waited before it is dropped. An agent that has to acknowledge a revocation keeps the connection
   * for that; if it does not close, a later visit does.
   */
  end(reason: SyncBye['reason'], line: Buffer): void {
    if (!this.isOpen) return;
    this.bye = reason;
    this.#held = undefined;
    this.#backlog = undefined;
    this.#waiting = 0;
    // Node closes the agent's side too as soon as ours is ended, and then it could not acknowledge.
    if (reason === 'revoked') this.socket.write(line);
    else this.socket.end(line);
  }

  drop(reason: string): void {
    if (this.socket.destroyed) return;
    this.socket.destroy();
    this.owner.dropped(this, reason);
  }

  /** Whether the agent may ask for a snapshot now: once between two visits. */
  mayResync(): boolean {
    if (this.#resynced === this.visits) return false;
    this.#resynced = this.visits;
    return true;
  }

  /** The timer comes by: the counts of what was sent to us begin anew. */
  visit(): void {
    this.visits += 1;
    this.silent += 1;
    this.#lines = 0;
    this.#bytes = 0;
    if (this.#backlog !== undefined) this.#stalled += 1;
  }

  /** The socket has drained: writes what waits. */
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

  /** Takes octets that came from the agent. */
  read(chunk: Buffer): void {
    this.silent = 0;
    this.#bytes += chunk.length;
    if (this.#bytes > BYTES_PER_VISIT) {
      this.drop('it says too much');
      return;
    }
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#receive(chunk.subarray(start, end));
      if (this.socket.destroyed) return;
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  #receive(rest: Buffer): void {
    const line = this.#partial.length === 0 ? rest : Buffer.concat([this.#partial, rest]);
    this.#partial = NOTHING;
    this.#lines += 1;
    if (this.#lines > LINES_PER_VISIT) {
      this.drop('it says too many lines');
      return;
    }
    try {
      this.owner.received(this, line);
    } catch (error) {
      this.drop(Error.isError(error) ? error.message : 'a line is no good');
    }
  }

  #keep(rest: Buffer): void {
    if (this.#partial.length + rest.length > MAX_AGENT_LINE_BYTES) this.drop('a line is too long');
    // A copy: the chunk is part of a larger buffer that would stay with it.
    else this.#partial = Buffer.concat([this.#partial, rest]);
  }

  #send(lines: readonly Buffer[]): void {
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
