import type { TLSSocket } from 'node:tls';
import { Refusal } from '../../domain/refusal.ts';
import type { AgentMessage, ServerMessage } from '../../formats/sync-message.ts';
import type { SyncStream } from '../../ports/agent-server.ts';
import type { Delays } from '../../ports/timers.ts';
import { unreachable } from './verified-connection.ts';
import { MAX_LINE_BYTES, readSyncLine } from './sync-lines.ts';

/** Until the server told its own. */
const FIRST_LEASE_SECONDS = 15;
/** What may wait to be sent before more is dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** A last message is given so long to leave. */
const LEAVE_MS = 1000;
const NEWLINE = 0x0a;

/** Cuts octets into lines, and holds no more than one line and one chunk. */
class Lines {
  #parts: Buffer[] = [];
  #length = 0;

  *take(chunk: Buffer): Generator<Buffer> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end));
      yield this.#parts.length === 1 && this.#parts[0] !== undefined ? this.#parts[0] : Buffer.concat(this.#parts);
      this.#parts = [];
      this.#length = 0;
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  #keep(part: Buffer): void {
    this.#length += part.length;
    if (this.#length > MAX_LINE_BYTES) throw new Refusal('unavailable', 'the server says a line that is too long');
    this.#parts.push(part);
  }
}

export interface SyncStreamOptions {
  readonly socket: TLSSocket;
  /** For messages. */
  readonly where: string;
  readonly delays: Delays;
  readonly signal: AbortSignal;
}

/**
 * The feed over an upgraded connection. Nothing is read before it is asked for, so a slow reader slows the server and fills no
 * memory here. Iteration ends when the server ends the stream or the signal aborts; it rejects with `unavailable` when the
 * connection breaks, when nothing came for the server's lease, and for what cannot be read.
 */
export class TlsSyncStream implements SyncStream {
  readonly #options: SyncStreamOptions;
  #leaseMs = FIRST_LEASE_SECONDS * 1000;

  constructor(options: SyncStreamOptions) {
    this.#options = options;
    const { socket, signal } = options;
    const abort = (): void => void socket.destroy();
    signal.addEventListener('abort', abort);
    socket.once('close', () => signal.removeEventListener('abort', abort));
    // An error while nobody reads has no one else to hear it; whoever reads next finds the end.
    socket.on('error', () => undefined);
    if (signal.aborted) abort();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ServerMessage, void, undefined> {
    const lines = new Lines();
    try {
      for await (const chunk of this.#chunks()) {
        for (const line of lines.take(chunk)) {
          const message = readSyncLine(line);
          if (message?.type === 'welcome') this.#leaseMs = message.lease * 1000;
          if (message !== undefined) yield message;
        }
      }
    } catch (error) {
      const { signal, where } = this.#options;
      if (!signal.aborted) throw unreachable(where, error);
    } finally {
      this.close();
    }
  }

  say(message: AgentMessage): boolean {
    const { socket } = this.#options;
    if (!socket.writable || socket.writableLength > MAX_WAITING_BYTES) return false;
    socket.write(`${JSON.stringify(message)}\n`);
    return true;
  }

  async leave(message: AgentMessage): Promise<void> {
    const { socket, delays } = this.#options;
    if (socket.writable) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const stop = delays.after(LEAVE_MS, resolve);
      socket.end(`${JSON.stringify(message)}\n`, resolve);
      await promise;
      stop();
    }
    this.close();
  }

  close(): void {
    this.#options.socket.destroy();
  }

  /** Only the time in which we wait counts towards the lease, not the time in which the reader works. */
  async *#chunks(): AsyncGenerator<Buffer, void, undefined> {
    const { socket, delays } = this.#options;
    const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
    for (;;) {
      const stop = delays.after(this.#leaseMs, () =>
        socket.destroy(new Error(`nothing came for ${this.#leaseMs / 1000} s`)),
      );
      const { value, done } = await chunks.next().finally(stop);
      if (done === true || value === undefined) return;
      yield value;
    }
  }
}
