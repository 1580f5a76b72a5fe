import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** Makes what the server behind may read of what the socket gave. */
export type Repair = (chunk: Buffer) => Buffer;

/**
 * A socket as the HTTP/2 of the runtime sees it: what is read from it was changed first, what is written to it goes as it is.
 * It is a Duplex by name, and keeps no queue of its own in either direction: the runtime wraps it once more, and two more queues
 * would cost a third of all calls. So it tells the socket to stop and go on, and writes to it, at once. It is read with
 * `data` events alone.
 */
export class RepairedStream extends Duplex {
  readonly #socket: Socket;
  readonly #repair: Repair;
  /** What came while nobody was to read, changed already. */
  #waiting: Buffer[] = [];
  #isFlowing = false;
  #isDrainDue = false;

  /** `first` was read from the socket already, and changed. The socket gives nothing until somebody reads here. */
  constructor(socket: Socket, repair: Repair, first: Buffer) {
    super({ autoDestroy: false, emitClose: false });
    this.#socket = socket;
    this.#repair = repair;
    this.#waiting.push(first);
    socket.pause();
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.once('end', () => this.emit('end'));
    socket.once('close', () => this.emit('close'));
  }

  override resume(): this {
    this.#isFlowing = true;
    if (this.#waiting.length === 0) this.#socket.resume();
    else this.#drainSoon();
    return this;
  }

  override pause(): this {
    this.#isFlowing = false;
    this.#socket.pause();
    return this;
  }

  override cork(): void {
    this.#socket.cork();
  }

  override uncork(): void {
    this.#socket.uncork();
  }

  override write(chunk: Buffer, encoding?: unknown, done?: unknown): boolean {
    const callback = (typeof encoding === 'function' ? encoding : done) as (error?: Error | null) => void;
    return this.#socket.write(chunk, callback);
  }

  override end(chunk?: unknown): this {
    this.#socket.end(typeof chunk === 'function' ? (chunk as () => void) : undefined);
    return this;
  }

  override destroy(): this {
    this.#socket.destroy();
    return this;
  }

  #take(chunk: Buffer): void {
    const repaired = this.#repair(chunk);
    if (repaired.length === 0) return;
    if (this.#isFlowing && this.#waiting.length === 0) this.emit('data', repaired);
    else this.#waiting.push(repaired);
  }

  /** Not while the reader is still being set up. */
  #drainSoon(): void {
    if (this.#isDrainDue) return;
    this.#isDrainDue = true;
    process.nextTick(() => {
      this.#isDrainDue = false;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const chunk of waiting) this.emit('data', chunk);
      if (this.#isFlowing) this.#socket.resume();
    });
  }
}
