import { EventEmitter } from 'node:events';
import type { Delays } from '../../../ports/timers.ts';
import type { UserShare } from '../http2/fair-turns.ts';
import { ERROR_CODE } from '../http2/frames.ts';
import type { RequestHead } from '../http2/request-head.ts';
import type { ServerStream, StreamSink } from '../http2/server-stream.ts';
import { framed, framedOnce } from './message-frame.ts';
import { MessageReader } from './message-reader.ts';
import { type RequestRoom, RoomOfCall } from './request-room.ts';
import type { Method } from './service-table.ts';
import { type CallStatus, RESPONSE_HEADERS, STATUS, StatusError, statusOnly, trailers } from './status.ts';
import { timeoutOf } from './timeout.ts';

/** What calls of one connection share. */
export interface CallContext<Peer> {
  /** Who calls. */
  readonly peer: Peer;
  readonly room: RequestRoom;
  /** Of the user who calls: questions that were held back come in their turns. */
  readonly share: Pick<UserShare, 'isQueued' | 'wait' | 'spend'>;
  readonly delays: Delays;
  /** Hears of what is our fault: the caller is told no more than that something is. */
  readonly failed: (error: unknown) => void;
}

/** So many octets of an answer are worth a frame that asks for nothing. */
const ANSWER_SHIFT = 8;
const NO_HEADERS: Pick<RequestHead, 'get'> = { get: () => [] };
const OK: CallStatus = { code: STATUS.OK, details: '' };

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
  /** Empty when the call is over. */
  metadata: Pick<RequestHead, 'get'>;
  readonly peer: Peer;
  /** Of methods that take one message; there when the handler is called, and until the call is over. */
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
  readonly #room: RoomOfCall;
  readonly #messages: MessageReader;
  #stopTimer: (() => void) | undefined;
  #hasRequest = false;
  #hasHeaders = false;
  #isOver = false;
  #isPaused = false;
  /** Of answers that the client has not taken. */
  #unsentBytes = 0;
  /** What came and was not read: the client's window bounds it. */
  #unreadBytes = 0;
  #hasClientEnded = false;
  #isWaiting = false;
  #stopWaiting: (() => void) | undefined;

  constructor(stream: ServerStream, head: RequestHead, method: Method, context: CallContext<Peer>) {
    super();
    this.metadata = head;
    this.peer = context.peer;
    this.#stream = stream;
    this.#method = method;
    this.#context = context;
    this.#room = new RoomOfCall(context.room);
    this.#messages = new MessageReader(this.#room, method.mostBytes, (message) => this.#message(message));
    this.on('error', (error: unknown) => this.#finish(isStatus(error) ? error : this.#fault(error)));
    this.#attempt(() => {
      this.#room.take(head.bytes);
      const timeout = timeoutOf(head.get('grpc-timeout'));
      if (timeout !== undefined) this.#stopTimer = context.delays.after(timeout, () => this.#expire());
      if (method.kind === 'bothStreams') this.#run();
    });
  }

  /** Sends a message. `written` is called when the client has taken it, unless it goes away before. */
  write(message: unknown, written?: () => void): boolean {
    this.#attempt(() => {
      const { kind, serialize } = this.#method;
      const octets = kind === 'serverStream' ? framedOnce(serialize(message)) : framed(serialize(message));
      if (!this.#hasHeaders) this.#stream.respond(RESPONSE_HEADERS);
      this.#hasHeaders = true;
      this.#unsentBytes += octets.length;
      this.#messages.hold();
      if (kind === 'bothStreams') this.#context.share.spend(1 + (octets.length >> ANSWER_SHIFT));
      this.#stream.write(octets, () => {
        this.#unsentBytes -= octets.length;
        this.#attempt(() => written?.());
        this.#read();
      });
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
    this.#messages.hold();
    return this;
  }

  resume(): this {
    this.#isPaused = false;
    this.#read();
    return this;
  }

  /** Whether the handler is to be given more. Who asks again and again has to take the answers. */
  get #isWanted(): boolean {
    return !this.#isPaused && this.#unsentBytes === 0;
  }

  #data(octets: Buffer): void {
    if (this.#isOver) return;
    this.#unreadBytes += octets.length;
    this.#attempt(() => this.#messages.push(octets));
    this.#giveWindow();
  }

  /** Goes on with what was held: in its turn, for whoever sent much ahead has to do nothing more for it but read. */
  #read(): void {
    if (this.#isWaiting) return;
    const { share } = this.#context;
    if (!this.#messages.isAmid || !share.isQueued) {
      this.#readNow();
      return;
    }
    this.#isWaiting = true;
    this.#stopWaiting = share.wait(() => {
      this.#isWaiting = false;
      this.#readNow();
    });
  }

  #readNow(): void {
    if (this.#isOver || !this.#isWanted) return;
    this.#attempt(() => this.#messages.goOn());
    this.#giveWindow();
    if (this.#hasClientEnded && this.#isWanted) this.#attempt(() => this.#clientEnded());
  }

  #giveWindow(): void {
    if (this.#isOver || !this.#isWanted) return;
    this.#stream.consume(this.#unreadBytes);
    this.#unreadBytes = 0;
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
    this.#room.take(message.length);
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
    this.#hasClientEnded = true;
    if (!this.#isWanted) return;
    this.#hasClientEnded = false;
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
      this.#abandon(error instanceof StatusError ? error.status : this.#fault(error));
    }
  }

  #fault(error: unknown): CallStatus {
    this.#context.failed(error);
    return { code: STATUS.UNKNOWN, details: 'internal error' };
  }

  #expire(): void {
    this.#abandon({ code: STATUS.DEADLINE_EXCEEDED, details: 'deadline exceeded' });
  }

  /** Ends the call for a reason that is not the handler's, which is told. Nothing waits for a client that does not read. */
  #abandon(status: CallStatus): void {
    if (this.#isOver) return;
    if (this.#unsentBytes === 0) this.#finish(status);
    else {
      this.#leave();
      this.#stream.reset(ERROR_CODE.cancel);
    }
    this.#attempt(() => this.emit('cancelled'));
  }

  #cancel(): void {
    if (this.#isOver) return;
    this.#leave();
    this.#attempt(() => this.emit('cancelled'));
  }

  #finish(status: CallStatus): void {
    if (this.#isOver) return;
    this.#leave();
    this.#stream.end(this.#hasHeaders ? trailers(status) : statusOnly(status));
  }

  #leave(): void {
    this.#isOver = true;
    this.#messages.drop();
    this.#room.giveAll();
    this.#stopTimer?.();
    this.#stopWaiting?.();
    // A client that reads nothing keeps the stream, but not what it was asked.
    this.metadata = NO_HEADERS;
    this.request = undefined;
  }
}
