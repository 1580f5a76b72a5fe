import { FLAG, FRAME_HEADER_BYTES, FRAME_TYPE } from './frames.ts';

/** Counts the open streams of a user, over all of their connections. */
export interface StreamCount {
  open: number;
}

/** Who has said their last on a stream that is open. */
const CLIENT = 1;
const SERVER = 2;
const BOTH = CLIENT | SERVER;

/**
 * The streams that are open on one connection, from the frames that pass in both directions. One is open from its first headers
 * until both sides have ended it, or either has reset it: as long as the runtime keeps something for it.
 */
export class OpenStreams {
  readonly #open = new Map<number, number>();
  readonly #count: StreamCount;
  /** The beginning of a frame of the server's whose other part has not come. */
  readonly #head = Buffer.alloc(FRAME_HEADER_BYTES);
  #headBytes = 0;
  /** Of the frame under way. */
  #left = 0;

  constructor(count: StreamCount) {
    this.#count = count;
  }

  opened(stream: number, isEnded: boolean): void {
    this.#open.set(stream, isEnded ? CLIENT : 0);
    this.#count.open += 1;
  }

  /** The client sends no more on it. */
  clientEnded(stream: number): void {
    this.#ended(stream, CLIENT);
  }

  closed(stream: number): void {
    if (this.#open.delete(stream)) this.#count.open -= 1;
  }

  /** The connection is gone. */
  clear(): void {
    this.#count.open -= this.#open.size;
    this.#open.clear();
  }

  /** What the server sends, in order. */
  sent(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#left > 0) {
        const passed = Math.min(this.#left, chunk.length - at);
        this.#left -= passed;
        at += passed;
        continue;
      }
      const taken = chunk.copy(this.#head, this.#headBytes, at, at + FRAME_HEADER_BYTES - this.#headBytes);
      this.#headBytes += taken;
      at += taken;
      if (this.#headBytes === FRAME_HEADER_BYTES) this.#frame();
    }
  }

  #frame(): void {
    this.#headBytes = 0;
    this.#left = this.#head.readUIntBE(0, 3);
    const type = this.#head[3];
    const stream = this.#head.readUInt32BE(5) & 0x7fff_ffff;
    if (type === FRAME_TYPE.reset) this.closed(stream);
    else if (endsStream(type, this.#head[4])) this.#ended(stream, SERVER);
  }

  #ended(stream: number, side: number): void {
    const sides = this.#open.get(stream);
    if (sides === undefined) return;
    if ((sides | side) === BOTH) this.closed(stream);
    else this.#open.set(stream, sides | side);
  }
}

/** Whether a frame is the last that its sender sends on its stream. */
const endsStream = (type: number | undefined, flags = 0): boolean =>
  (type === FRAME_TYPE.data || type === FRAME_TYPE.headers) && (flags & FLAG.endStream) !== 0;
