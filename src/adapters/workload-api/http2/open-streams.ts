import { ConnectionError, ERROR_CODE, StreamError } from './frames.ts';
import { RecentIds } from './recent-ids.ts';
import type { ServerStream } from './server-stream.ts';

/** Counts the open streams of a user, over all of their connections. */
export interface StreamCount {
  open: number;
}

const MOST_STREAMS = 128;
/** Open at once, on all connections of one user: each takes some KiB, whoever asked for nothing and whoever ends nothing too. */
const MOST_STREAMS_OF_USER = 8192;

const protocol = (what: string): ConnectionError => new ConnectionError(ERROR_CODE.protocol, what);

/** The streams of one connection, those that are open and those that were (RFC 9113 §5.1). */
export class OpenStreams {
  static readonly most = MOST_STREAMS;
  readonly #count: StreamCount;
  readonly #open = new Map<number, ServerStream>();
  /** What the client sends on these crossed our word that they are over. */
  readonly #resetByUs = new RecentIds();
  #last = 0;
  /** Numbers that the client has jumped over last: from, and up to the one before. */
  #skipped: readonly [number, number] = [0, 0];

  constructor(count: StreamCount) {
    this.#count = count;
  }

  /** The highest stream that the client has opened. */
  get last(): number {
    return this.#last;
  }

  get size(): number {
    return this.#open.size;
  }

  get(id: number): ServerStream | undefined {
    return this.#open.get(id);
  }

  all(): readonly ServerStream[] {
    return [...this.#open.values()];
  }

  /** The client begins a stream. Throws where it may not. */
  begin(id: number): void {
    if (id % 2 === 0) throw protocol('a stream of ours');
    if (id > this.#last + 2) this.#skipped = [this.#last + 1, id];
    this.#last = id;
    if (this.#open.size >= MOST_STREAMS) throw new StreamError(ERROR_CODE.refusedStream, 'too many streams');
    if (this.#count.open >= MOST_STREAMS_OF_USER)
      throw new StreamError(ERROR_CODE.refusedStream, 'too many streams of one user are open');
  }

  add(stream: ServerStream): void {
    this.#open.set(stream.id, stream);
    this.#count.open += 1;
  }

  /** Returns the stream if it was open. */
  close(id: number): ServerStream | undefined {
    const stream = this.#open.get(id);
    if (stream === undefined) return undefined;
    this.#open.delete(id);
    this.#count.open -= 1;
    return stream;
  }

  /** We have told the client that the stream is over, before it said its last. */
  closedByUs(id: number): void {
    this.#resetByUs.add(id);
  }

  wasClosedByUs(id: number): boolean {
    return this.#resetByUs.has(id);
  }

  /** A frame of a stream that was never opened ends the connection. */
  checkBegun(id: number): void {
    if (id > this.#last) throw protocol('a frame of a stream that is not open');
  }

  /** Why headers of a stream that is not open any more end the connection. */
  tooLate(id: number): ConnectionError {
    const [from, to] = this.#skipped;
    const wasOpen = id < from || id >= to;
    return wasOpen
      ? new ConnectionError(ERROR_CODE.streamClosed, 'headers of a stream that is over')
      : protocol('a stream below the last one');
  }
}
