import {
  ConnectionError,
  ERROR_CODE,
  FRAME_HEADER_BYTES,
  FRAME_TYPE,
  headersFrame,
  writeFrameHeader,
} from './frames.ts';
import { EMPTY_TABLE } from './header-block.ts';
import type { Outbox } from './outbox.ts';
import { DEFAULT_WINDOW_BYTES, MAX_WINDOW_BYTES, type PeerSettings } from './peer-settings.ts';

/** What a stream has still to send. */
export interface Outgoing {
  readonly id: number;
  /** How many octets the client takes now. It may be negative (RFC 9113 §6.9.2). */
  window: number;
  /** Parts of its content, none of them empty. */
  readonly queue: { readonly octets: Buffer; readonly written: (() => void) | undefined }[];
  /** Goes out behind all of these, and ends the stream. */
  trailers: Buffer | undefined;
}

/**
 * Sends headers, content and trailers, content as far as the client's windows are open and it reads (RFC 9113 §5.2). Streams that
 * wait are served in turn.
 */
export class DataSender {
  readonly #outbox: Outbox;
  readonly #settings: PeerSettings;
  readonly #ended: (stream: Outgoing) => void;
  readonly #waiting = new Set<Outgoing>();
  #window = DEFAULT_WINDOW_BYTES;
  #isFirstBlock = true;

  /** `ended` is called when all of a stream was sent. */
  constructor(outbox: Outbox, settings: PeerSettings, ended: (stream: Outgoing) => void) {
    this.#outbox = outbox;
    this.#settings = settings;
    this.#ended = ended;
  }

  headers(stream: number, block: Buffer, isLast: boolean): void {
    const written = this.#isFirstBlock ? Buffer.concat([EMPTY_TABLE, block]) : block;
    this.#isFirstBlock = false;
    this.#outbox.add(headersFrame(stream, written, isLast));
  }

  /** Sends what is in the stream's queue, now or as soon as may be. */
  send(stream: Outgoing): void {
    this.#waiting.add(stream);
    this.#advance(stream);
  }

  /** Nothing more of this one. */
  forget(stream: Outgoing): void {
    this.#waiting.delete(stream);
    stream.queue.length = 0;
  }

  /** The client takes more on all streams together. Throws `ConnectionError`. */
  widen(increment: number): void {
    this.#window += increment;
    if (this.#window > MAX_WINDOW_BYTES) throw new ConnectionError(ERROR_CODE.flowControl, 'too large a window');
    this.goOn();
  }

  /** The client takes more on this stream. */
  widened(stream: Outgoing): void {
    if (this.#waiting.has(stream)) this.#advance(stream);
  }

  /** Something that all streams wait for has changed. */
  goOn(): void {
    for (const stream of Array.from(this.#waiting)) {
      if (!this.#outbox.takesMore()) return;
      // To the end of the line: who has much to send does not keep others waiting.
      if (!this.#waiting.delete(stream)) continue;
      this.#waiting.add(stream);
      this.#advance(stream);
      if (this.#window <= 0) return;
    }
  }

  #advance(stream: Outgoing): void {
    const { queue } = stream;
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      const { octets, written } = next;
      if (!this.#outbox.takesMore()) return;
      const bytes = Math.min(octets.length, this.#settings.maxFrameBytes, stream.window, this.#window);
      if (bytes <= 0) return;
      this.#data(stream, octets.subarray(0, bytes));
      if (bytes < octets.length) {
        queue[0] = { octets: octets.subarray(bytes), written };
        continue;
      }
      queue.shift();
      if (written !== undefined) this.#outbox.whenSent(written);
    }
    this.#waiting.delete(stream);
    if (stream.trailers === undefined) return;
    this.headers(stream.id, stream.trailers, true);
    this.#ended(stream);
  }

  #data(stream: Outgoing, octets: Buffer): void {
    const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
    writeFrameHeader(header, 0, octets.length, FRAME_TYPE.data, 0, stream.id);
    this.#outbox.add(header);
    this.#outbox.add(octets);
    stream.window -= octets.length;
    this.#window -= octets.length;
  }
}
