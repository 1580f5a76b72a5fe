import { DataSender } from './data-sender.ts';
import { checkPing, checkPriority, checkReset, checkSettings, dataOf, incrementOf } from './frame-contents.ts';
import { FrameReader } from './frame-reader.ts';
import {
  ConnectionError,
  ERROR_CODE,
  FLAG,
  FRAME_TYPE,
  goawayFrame,
  pingAckFrame,
  resetFrame,
  SETTINGS_ACK,
  settingsFrame,
  StreamError,
  windowUpdateFrame,
} from './frames.ts';
import { type BlockRoom, HeaderReader, type Headers, MAX_BLOCK_BYTES } from './header-reader.ts';
import { OpenStreams, type StreamCount } from './open-streams.ts';
import type { Outbox } from './outbox.ts';
import { DEFAULT_WINDOW_BYTES, MAX_WINDOW_BYTES, PeerSettings, SETTING } from './peer-settings.ts';
import type { RequestHead } from './request-head.ts';
import { ServerStream, type StreamHost, type StreamSink } from './server-stream.ts';

export interface ServerConnectionParts {
  readonly outbox: Outbox;
  /** Of the user who connected, on all of their connections. */
  readonly streams: StreamCount;
  readonly blocks: BlockRoom;
  /** Takes a request, and says what is to become of it. */
  readonly accept: (stream: ServerStream, head: RequestHead) => StreamSink;
  /** Called when the last open stream is over. */
  readonly idle: () => void;
}

/** A client is told of its window when half of it is used. */
const WINDOW_STEP = DEFAULT_WINDOW_BYTES >> 1;
/** What a request is worth in frames that ask for nothing. */
const REQUEST_WORK = 16;
/** So many octets are worth another frame, wherever they are: they may be messages, settings or headers, each of a few. */
const OCTETS_SHIFT = 6;

const protocol = (what: string): ConnectionError => new ConnectionError(ERROR_CODE.protocol, what);

/**
 * The server's side of a connection of HTTP/2 with prior knowledge (RFC 9113): what a gRPC server needs of it. Nothing is pushed,
 * priorities are passed over, and `:authority` may be anything. Give it what the client says, in order; what `read` throws is
 * a `ConnectionError`, after which the connection is over.
 */
export class ServerConnection {
  readonly #parts: ServerConnectionParts;
  readonly #frames = new FrameReader((type, flags, stream, content) => this.#frame(type, flags, stream, content));
  readonly #headers: HeaderReader;
  readonly #settings = new PeerSettings();
  readonly #streams: OpenStreams;
  readonly #sender: DataSender;
  readonly #host: StreamHost;
  #receiveWindow = DEFAULT_WINDOW_BYTES;
  #hasSettings = false;
  #isLeaving = false;
  #work = 0;

  constructor(parts: ServerConnectionParts) {
    this.#parts = parts;
    this.#headers = new HeaderReader(parts.blocks);
    this.#streams = new OpenStreams(parts.streams);
    this.#sender = new DataSender(parts.outbox, this.#settings, (stream) => this.#answered(stream.id));
    this.#host = {
      sender: this.#sender,
      giveWindow: (stream, increment) => parts.outbox.add(windowUpdateFrame(stream, increment)),
      reset: (stream, code) => this.#reset(stream.id, code),
    };
  }

  /** Has the client shown that it speaks HTTP/2? */
  get isUnderWay(): boolean {
    return this.#frames.isUnderWay;
  }

  /** The highest stream that the client has opened. */
  get lastStream(): number {
    return this.#streams.last;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** What came since this was asked last: a frame is worth one, a block of headers many, and so is what is long. */
  takeWork(): number {
    const work = this.#work;
    this.#work = 0;
    return work;
  }

  read(chunk: Buffer): void {
    this.#frames.read(chunk);
  }

  /** The client reads again. */
  goOn(): void {
    this.#sender.goOn();
  }

  /** Takes no further requests; those that are open go on (RFC 9113 §6.8). */
  leave(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    if (this.#hasSettings) this.#parts.outbox.add(goawayFrame(this.#streams.last, ERROR_CODE.none));
  }

  /** The client is gone. */
  gone(): void {
    this.#headers.drop();
    for (const { id } of this.#streams.all()) {
      const stream = this.#streams.close(id);
      if (stream?.over()) stream.sink?.gone();
    }
  }

  #frame(type: number, flags: number, stream: number, content: Buffer): void {
    this.#work += 1 + (content.length >> OCTETS_SHIFT);
    if (!this.#hasSettings) this.#begin(type, flags);
    const expected = this.#headers.stream;
    if (expected !== undefined && (type !== FRAME_TYPE.continuation || stream !== expected))
      throw protocol('a frame that is not the next of its block of headers');
    try {
      this.#take(type, flags, stream, content);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.#fail(stream, error.code);
    }
  }

  /** The first frame has to be SETTINGS (RFC 9113 §3.4); ours are the answer. */
  #begin(type: number, flags: number): void {
    if (type !== FRAME_TYPE.settings || (flags & FLAG.ack) !== 0) throw protocol('the first frame is not SETTINGS');
    this.#hasSettings = true;
    this.#parts.outbox.add(
      settingsFrame([
        [SETTING.maxConcurrentStreams, OpenStreams.most],
        [SETTING.maxHeaderListSize, MAX_BLOCK_BYTES],
      ]),
    );
  }

  #take(type: number, flags: number, stream: number, content: Buffer): void {
    switch (type) {
      case FRAME_TYPE.data:
        return this.#takeData(flags, stream, content);
      case FRAME_TYPE.headers:
        if (stream === 0) throw protocol('headers of no stream');
        this.#work += REQUEST_WORK;
        return this.#takeHeaders(this.#headers.begin(flags, stream, content));
      case FRAME_TYPE.continuation:
        this.#work += REQUEST_WORK;
        return this.#takeHeaders(this.#headers.goOn(flags, content));
      case FRAME_TYPE.priority:
        return checkPriority(stream, content);
      case FRAME_TYPE.reset:
        return this.#takeReset(stream, content);
      case FRAME_TYPE.settings:
        if (checkSettings(flags, stream, content)) this.#takeSettings(content);
        return;
      case FRAME_TYPE.pushPromise:
        throw protocol('a client that pushes');
      case FRAME_TYPE.ping:
        if (checkPing(flags, stream, content)) this.#parts.outbox.add(pingAckFrame(content));
        return;
      case FRAME_TYPE.goaway:
        if (stream !== 0) throw protocol('GOAWAY of a stream');
        return;
      case FRAME_TYPE.windowUpdate:
        return this.#takeWindowUpdate(stream, incrementOf(stream, content));
      default:
        // What nobody knows is passed over (RFC 9113 §5.5).
        return;
    }
  }

  #takeData(flags: number, stream: number, content: Buffer): void {
    if (stream === 0) throw protocol('content of no stream');
    this.#receiveWindow -= content.length;
    if (this.#receiveWindow < 0)
      throw new ConnectionError(ERROR_CODE.flowControl, 'more content than the window is wide');
    if (this.#receiveWindow <= WINDOW_STEP) {
      this.#parts.outbox.add(windowUpdateFrame(0, DEFAULT_WINDOW_BYTES - this.#receiveWindow));
      this.#receiveWindow = DEFAULT_WINDOW_BYTES;
    }
    const octets = dataOf(content, flags);
    const open = this.#streams.get(stream);
    if (open === undefined) {
      this.#checkBegun(stream);
      if (this.#isLeaving || this.#streams.wasClosedByUs(stream)) return;
      throw new StreamError(ERROR_CODE.streamClosed, 'content of a stream that is over');
    }
    open.received(octets, content.length);
    if ((flags & FLAG.endStream) !== 0) open.clientEnded();
  }

  #takeHeaders(headers: Headers | undefined): void {
    if (headers === undefined) return;
    const { stream, endsStream } = headers;
    const open = this.#streams.get(stream);
    if (open !== undefined) {
      if (open.isClientDone) throw new StreamError(ERROR_CODE.streamClosed, 'headers behind the end of a request');
      headers.checkTrailers();
      if (!endsStream) throw new StreamError(ERROR_CODE.protocol, 'trailers that are not the last');
      open.clientEnded();
      return;
    }
    if (stream > this.#streams.last) this.#request(headers);
    else if (!this.#streams.wasClosedByUs(stream)) throw this.#streams.tooLate(stream);
  }

  #request({ stream: id, endsStream, head }: Headers): void {
    if (this.#isLeaving) return;
    this.#streams.begin(id);
    const request = head();
    const stream = new ServerStream(id, this.#settings.initialWindowBytes, request.contentLength, this.#host);
    this.#streams.add(stream);
    if (endsStream) stream.clientEnded();
    const sink = this.#parts.accept(stream, request);
    stream.sink = sink;
    if (endsStream) sink.end();
  }

  #takeReset(stream: number, content: Buffer): void {
    if (stream === 0) throw protocol('a reset of no stream');
    checkReset(content);
    this.#checkBegun(stream);
    const open = this.#close(stream);
    if (open?.over()) open.sink?.gone();
  }

  #takeSettings(content: Buffer): void {
    const before = this.#settings.initialWindowBytes;
    this.#settings.read(content);
    this.#parts.outbox.add(SETTINGS_ACK);
    const change = this.#settings.initialWindowBytes - before;
    if (change === 0) return;
    for (const open of this.#streams.all()) {
      open.window += change;
      if (open.window > MAX_WINDOW_BYTES) throw new ConnectionError(ERROR_CODE.flowControl, 'too large a window');
    }
    if (change > 0) this.#sender.goOn();
  }

  #takeWindowUpdate(stream: number, increment: number): void {
    if (stream === 0) {
      this.#sender.widen(increment);
      return;
    }
    this.#checkBegun(stream);
    const open = this.#streams.get(stream);
    if (open === undefined) return;
    open.window += increment;
    if (open.window > MAX_WINDOW_BYTES) throw new StreamError(ERROR_CODE.flowControl, 'too large a window');
    this.#sender.widened(open);
  }

  /** Streams that were begun after we said that we leave were not looked at. */
  #checkBegun(stream: number): void {
    if (!this.#isLeaving) this.#streams.checkBegun(stream);
  }

  /** Resets a stream that broke the rules, and tells whoever serves it. */
  #fail(id: number, code: number): void {
    const stream = this.#streams.get(id);
    const isNew = stream?.over() ?? false;
    this.#reset(id, code);
    if (isNew) stream?.sink?.gone();
  }

  #reset(stream: number, code: number): void {
    this.#parts.outbox.add(resetFrame(stream, code));
    this.#streams.closedByUs(stream);
    this.#close(stream);
  }

  /** All was answered. A client that has not said all is told that nobody listens (RFC 9113 §8.1). */
  #answered(stream: number): void {
    if (this.#streams.get(stream)?.isClientDone === false) this.#reset(stream, ERROR_CODE.none);
    else this.#close(stream);
  }

  #close(id: number): ServerStream | undefined {
    const stream = this.#streams.close(id);
    if (stream !== undefined && this.#streams.size === 0) this.#parts.idle();
    return stream;
  }
}
