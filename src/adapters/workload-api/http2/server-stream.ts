import { ERROR_CODE, StreamError } from './frames.ts';
import type { DataSender, Outgoing } from './data-sender.ts';
import { DEFAULT_WINDOW_BYTES } from './peer-settings.ts';

/** What becomes of a request, in the order in which it comes. */
export interface StreamSink {
  /** A part of the content, which belongs to what was read and is to be copied by who keeps it. */
  data(octets: Buffer): void;
  /** The client has said all. */
  end(): void;
  /** The client has taken the request back, or is gone. Nothing that is sent from now on arrives. */
  gone(): void;
}

/** What a stream needs of its connection. */
export interface StreamHost {
  readonly sender: DataSender;
  /** Tells the client that it may send so much more. */
  readonly giveWindow: (stream: number, increment: number) => void;
  /** Ends the stream with an error, without telling its sink. */
  readonly reset: (stream: ServerStream, code: number) => void;
}

/** A client is told of its window when half of it is used. */
const WINDOW_STEP = DEFAULT_WINDOW_BYTES >> 1;

/** One request of a client, and its answer (RFC 9113 §5.1). */
export class ServerStream implements Outgoing {
  readonly id: number;
  window: number;
  readonly queue: Outgoing['queue'] = [];
  trailers: Buffer | undefined;
  /** The client sends no more. */
  isClientDone = false;
  /** Set when the request was accepted. */
  sink: StreamSink | undefined;
  readonly #host: StreamHost;
  readonly #announcedBytes: number | undefined;
  #receivedBytes = 0;
  /** What the client may send still. */
  #receiveWindow = DEFAULT_WINDOW_BYTES;
  #consumed = 0;
  #isEnding = false;

  constructor(id: number, sendWindow: number, announcedBytes: number | undefined, host: StreamHost) {
    this.id = id;
    this.window = sendWindow;
    this.#announcedBytes = announcedBytes;
    this.#host = host;
  }

  /** Begins the answer. */
  respond(block: Buffer): void {
    if (!this.#isEnding) this.#host.sender.headers(this.id, block, false);
  }

  /** Sends a part of the answer, not empty. `written` is called when the client has taken it, unless it goes away before. */
  write(octets: Buffer, written?: () => void): void {
    if (this.#isEnding) return;
    this.queue.push({ octets, written });
    this.#host.sender.send(this);
  }

  /** Ends the answer, behind all that was written; with a block that is all of it, if nothing was. */
  end(trailers: Buffer): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.trailers = trailers;
    this.#host.sender.send(this);
  }

  /** Ends the stream at once, with an error code. */
  reset(code: number): void {
    if (this.over()) this.#host.reset(this, code);
  }

  /** Of what came, so many octets are done with: the client may send as many again. */
  consume(bytes: number): void {
    this.#consumed += bytes;
    if (this.#consumed < WINDOW_STEP || this.isClientDone || this.#isEnding) return;
    this.#receiveWindow += this.#consumed;
    this.#host.giveWindow(this.id, this.#consumed);
    this.#consumed = 0;
  }

  /** Nothing more is sent. Returns whether that is new. */
  over(): boolean {
    const isNew = !this.#isEnding;
    this.#isEnding = true;
    this.#host.sender.forget(this);
    return isNew;
  }

  /** Content has come, in a frame of so many octets with its padding. Throws `StreamError`. */
  received(octets: Buffer, frameBytes: number): void {
    if (this.isClientDone) throw new StreamError(ERROR_CODE.streamClosed, 'content behind the end of a request');
    this.#receiveWindow -= frameBytes;
    if (this.#receiveWindow < 0) throw new StreamError(ERROR_CODE.flowControl, 'more content than the window is wide');
    this.#receivedBytes += octets.length;
    this.consume(frameBytes - octets.length);
    if (octets.length > 0) this.sink?.data(octets);
  }

  /** The client has ended its side. Throws `StreamError` where the content is not what was announced. */
  clientEnded(): void {
    this.isClientDone = true;
    if (this.#announcedBytes !== undefined && this.#announcedBytes !== this.#receivedBytes)
      throw new StreamError(ERROR_CODE.protocol, 'content of another length than announced');
    this.sink?.end();
  }
}
