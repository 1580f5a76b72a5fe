import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { FairReader } from './fair-reader.ts';

/** Makes what the server behind may read of what the socket gave. */
export type Repair = (chunk: Buffer) => Buffer;

type Written = (error?: Error | null) => void;

/** What a client has not read, of all that was sent to it, before the runtime has to wait. */
const MOST_UNREAD_BYTES = 64 * 1024;

/**
 * A socket as the HTTP/2 of the runtime sees it: what is read from it was changed first, what is written to it goes as
 * it is. It is a Duplex by name, for the runtime, which wraps it once more and only listens for `data`, stops, goes on,
 * writes and ends; the queues of a real one would cost a third of all calls.
 */
export class RepairedStream extends Duplex {
  readonly #socket: Socket;
  readonly #reader: FairReader;
  readonly #repair: Repair;
  readonly #sent: (chunk: Buffer) => void;
  /** What came while nobody was to read, changed already. */
  #waiting: Buffer[] = [];
  #isFlowing = false;
  #isDrainDue = false;
  #unsent: Buffer[] = [];
  /** Who is to hear when they are sent. */
  #owed: Written[] = [];
  #isSendDue = false;
  #isReading = false;

  /**
   * `first` was read from the socket already, and changed. The reader gives nothing until somebody reads here. `sent` hears of
   * all that the server says.
   */
  constructor(socket: Socket, reader: FairReader, repair: Repair, first: Buffer, sent: (chunk: Buffer) => void) {
    super({ autoDestroy: false, emitClose: false });
    this.#socket = socket;
    this.#reader = reader;
    this.#repair = repair;
    this.#sent = sent;
    this.#waiting.push(first);
    reader.pause();
    reader.sink = (chunk) => this.#take(chunk);
    socket.once('end', () => this.emit('end'));
    socket.once('close', () => this.emit('close'));
  }

  override resume(): this {
    this.#isFlowing = true;
    if (this.#waiting.length === 0) this.#reader.resume();
    else this.#drainSoon();
    return this;
  }

  override pause(): this {
    this.#isFlowing = false;
    this.#reader.pause();
    return this;
  }

  /** Called by the runtime for all that it has to send at one time, with one callback for each part. */
  override write(chunk: Buffer, encoding?: unknown, done?: unknown): boolean {
    const written = (typeof encoding === 'function' ? encoding : done) as Written;
    this.#sent(chunk);
    this.#unsent.push(chunk);
    if (this.#socket.writableLength < MOST_UNREAD_BYTES) written();
    else this.#owed.push(written);
    this.#sendSoon();
    return true;
  }

  override end(done?: unknown): this {
    this.#send();
    this.#socket.end(typeof done === 'function' ? (done as Written) : undefined);
    return this;
  }

  /** Last words go out, as far as the kernel takes them at once. */
  override destroy(): this {
    this.#send();
    this.#socket.destroy();
    return this;
  }

  /**
   * The runtime hears that its octets are written before they are, and so gives what it has held back. After what it
   * answers while it reads (to PING, which Go clients send with each call) that comes one turn of the event loop later:
   * both then go out in one system call.
   */
  #sendSoon(): void {
    if (this.#isSendDue) return;
    this.#isSendDue = true;
    const send = (): void => this.#send();
    if (this.#isReading) setImmediate(() => setImmediate(send));
    else setImmediate(send);
  }

  #send(): void {
    this.#isSendDue = false;
    const unsent = this.#unsent;
    if (unsent.length === 0 || this.#socket.destroyed) return;
    this.#unsent = [];
    const owed = this.#owed;
    this.#owed = [];
    this.#socket.cork();
    const last = unsent.length - 1;
    unsent.forEach((chunk, at) => {
      if (at === last && owed.length > 0) this.#socket.write(chunk, (error) => owed.forEach((each) => each(error)));
      else this.#socket.write(chunk);
    });
    this.#socket.uncork();
  }

  #take(chunk: Buffer): void {
    const repaired = this.#repair(chunk);
    if (repaired.length === 0) return;
    if (!this.#isFlowing || this.#waiting.length > 0) {
      this.#waiting.push(repaired);
      return;
    }
    this.#isReading = true;
    this.emit('data', repaired);
    this.#isReading = false;
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
      if (this.#isFlowing) this.#reader.resume();
    });
  }
}
