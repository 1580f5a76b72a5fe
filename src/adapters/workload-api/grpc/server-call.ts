import { EventEmitter } from 'node:events';
import type { Delays } from '../../../ports/timers.ts';
import { GatheredOctets } from '../http2/gathered-octets.ts';
import type { RequestHead } from '../http2/request-head.ts';
import type { ServerStream, StreamSink } from '../http2/server-stream.ts';
import { MessageReader, type RequestRoom } from './message-reader.ts';
import type { Method } from './service-table.ts';
import { type CallStatus, RESPONSE_HEADERS, STATUS, StatusError, statusOnly, trailers } from './status.ts';
import { timeoutOf } from './timeout.ts';

/** What calls of one connection share. */
export interface CallContext<Peer> {
  /** Who calls. */
  readonly peer: Peer;
  readonly room: RequestRoom;
  readonly delays: Delays;
  /** Hears of what is our fault: the caller is told no more than that something is. */
  readonly failed: (error: unknown) => void;
}

const PREFIX_BYTES = 5;
const NOTHING = Buffer.alloc(0);
const OK: CallStatus = { code: STATUS.OK, details: '' };

const framed = (message: Uint8Array): Buffer => {
  const output = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  output[0] = 0;
  output.writeUInt32BE(message.length, 1);
  output.set(message, PREFIX_BYTES);
  return output;
};

const isStatus = (value: unknown): value is CallStatus =>
  typeof value === 'object' &&
  value !== null &&
  'code' in value &&
  Number.isInteger(value.code) &&
  'details' in value &&
  typeof value.details === 'string';

/**
 * One call, to its handler what a call of grpc-js is, as far as handlers here use it: `metadata`, `request`, `write`, `end`,
 * `pause`, `resume`, the events `data`, `end` and `cancelled`, and `error`, emitted by the handler to end it with a status.
 */
export class ServerCall<Peer> extends EventEmitter {
  readonly metadata: Pick<RequestHead, 'get'>;
  readonly peer: Peer;
  /** Of methods that take one message; there when the handler is called. */
  request: unknown;
  /** Takes what the client sends. */
  readonly sink: StreamSink = {
    data: (octets) => this.#data(octets),
    end: () => this.#attempt(() => this.#clientEnded()),
    gone: () => this.#cancel(),
  };
  readonly #stream: ServerStream;
  readonly #method: Method;
  readonly #context: CallContext<Peer>;
  readonly #messages: MessageReader;
  #stopTimer: (() => void) | undefined;
  #hasRequest = false;
  #hasHeaders = false;
  #isOver = false;
  #isPaused = false;
  /** What came while the handler did not want it; the client's window bounds it. */
  readonly #held = new GatheredOctets();
  #isEndHeld = false;

  constructor(stream: ServerStream, head: RequestHead, method: Method, context: CallContext<Peer>) {
    super();
    this.metadata = head;
    this.peer = context.peer;
    this.#stream = stream;
    this.#method = method;
    this.#context = context;
    this.#messages = new MessageReader(context.room, (message) => this.#message(message));
    this.on('error', (error: unknown) => this.#finish(isStatus(error) ? error : this.#fault(error)));
    this.#attempt(() => {
      const timeout = timeoutOf(head.get('grpc-timeout'));
      if (timeout !== undefined) this.#stopTimer = context.delays.after(timeout, () => this.#expire());
      if (method.kind === 'bothStreams') this.#run();
    });
  }

  /** Sends a message. `written` is called when the client has taken it, unless it goes away before. */
  write(message: unknown, written?: () => void): boolean {
    this.#attempt(() => {
      const octets = framed(this.#method.serialize(message));
      if (!this.#hasHeaders) this.#stream.respond(RESPONSE_HEADERS);
      this.#hasHeaders = true;
      this.#stream.write(octets, written);
    });
    return true;
  }

  /** Ends the call well. */
  end(): void {
    this.#finish(OK);
  }

  /** No more `data` until `resume`. */
  pause(): this {
    this.#isPaused = true;
    return this;
  }

  resume(): this {
    if (!this.#isPaused) return this;
    this.#isPaused = false;
    this.#data(this.#held.take(NOTHING));
    if (this.#isEndHeld && !this.#isPaused) this.#attempt(() => this.#clientEnded());
    return this;
  }

  #data(octets: Buffer): void {
    if (this.#isOver) return;
    if (this.#isPaused) {
      this.#held.add(octets);
      return;
    }
    this.#stream.consume(octets.length);
    this.#attempt(() => this.#messages.push(octets));
  }

  #message(message: Buffer): void {
    if (this.#isOver) return;
    const value = this.#parsed(message);
    if (this.#method.kind === 'bothStreams') {
      this.emit('data', value);
      return;
    }
    if (this.#hasRequest) throw new StatusError(STATUS.UNIMPLEMENTED, 'more than one message');
    this.#hasRequest = true;
    this.request = value;
  }

  #parsed(message: Buffer): unknown {
    try {
      return this.#method.deserialize(message);
    } catch {
      throw new StatusError(STATUS.INTERNAL, 'a message that is none of this method');
    }
  }

  #clientEnded(): void {
    if (this.#isOver) return;
    if (this.#isPaused) {
      this.#isEndHeld = true;
      return;
    }
    if (this.#messages.isAmid) throw new StatusError(STATUS.INTERNAL, 'a message that is cut off');
    if (this.#method.kind === 'bothStreams') {
      this.emit('end');
      return;
    }
    if (!this.#hasRequest) throw new StatusError(STATUS.UNIMPLEMENTED, 'no message');
    this.#run();
  }

  #run(): void {
    const { kind, handle } = this.#method;
    if (kind !== 'unary') {
      handle(this);
      return;
    }
    handle(this, (error, answer) => {
      if (error) {
        this.emit('error', error);
        return;
      }
      this.write(answer);
      this.#finish(OK);
    });
  }

  /** What goes wrong in it ends the call, and nothing else. */
  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#finish(error instanceof StatusError ? error.status : this.#fault(error));
    }
  }

  #fault(error: unknown): CallStatus {
    this.#context.failed(error);
    return { code: STATUS.UNKNOWN, details: 'internal error' };
  }

  #expire(): void {
    if (this.#isOver) return;
    this.#finish({ code: STATUS.DEADLINE_EXCEEDED, details: 'deadline exceeded' });
    this.emit('cancelled');
  }

  #cancel(): void {
    if (this.#isOver) return;
    this.#leave();
    this.emit('cancelled');
  }

  #finish(status: CallStatus): void {
    if (this.#isOver) return;
    this.#leave();
    this.#stream.end(this.#hasHeaders ? trailers(status) : statusOnly(status));
  }

  #leave(): void {
    this.#isOver = true;
    this.#held.drop();
    this.#messages.drop();
    this.#stopTimer?.();
  }
}
