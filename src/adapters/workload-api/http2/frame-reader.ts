import { ConnectionError, ERROR_CODE, FRAME_HEADER_BYTES, MAX_FRAME_BYTES, PREFACE } from './frames.ts';
import { GatheredOctets } from './gathered-octets.ts';

/** Takes one frame; its content belongs to the chunk that it came in, and is to be copied by who keeps it. */
export type FrameSink = (type: number, flags: number, stream: number, content: Buffer) => void;

/**
 * Cuts what a client sends into frames, after the preface that it has to begin with. Give it what comes, in order; it, and
 * the sink, throw a `ConnectionError`, after which the connection is over.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  #prefaceBytes = 0;
  /** The beginning of a frame whose other part has not come: never more than one frame. */
  readonly #rest = new GatheredOctets();
  /** How many octets there have to be before it makes sense to look at them. */
  #needed = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Has the client shown that it speaks HTTP/2? */
  get isUnderWay(): boolean {
    return this.#prefaceBytes === PREFACE.length;
  }

  read(chunk: Buffer): void {
    if (this.#rest.length + chunk.length < this.#needed) {
      this.#rest.add(chunk);
      return;
    }
    const octets = this.#rest.take(chunk);
    let at = this.isUnderWay ? 0 : this.#preface(octets);
    if (!this.isUnderWay) return;
    this.#needed = FRAME_HEADER_BYTES;
    while (octets.length - at >= FRAME_HEADER_BYTES) {
      const length = octets.readUIntBE(at, 3);
      if (length > MAX_FRAME_BYTES) throw new ConnectionError(ERROR_CODE.frameSize, 'a frame that is too large');
      const start = at + FRAME_HEADER_BYTES;
      const end = start + length;
      if (end > octets.length) {
        this.#needed = FRAME_HEADER_BYTES + length;
        break;
      }
      const stream = octets.readUInt32BE(at + 5) & 0x7fff_ffff;
      const [type = 0, flags = 0] = [octets[at + 3], octets[at + 4]];
      at = end;
      this.#sink(type, flags, stream, octets.subarray(start, end));
    }
    if (at < octets.length) this.#rest.add(octets.subarray(at));
  }

  /** Returns where the frames begin. */
  #preface(chunk: Buffer): number {
    const bytes = Math.min(PREFACE.length - this.#prefaceBytes, chunk.length);
    const isGood = PREFACE.compare(chunk, 0, bytes, this.#prefaceBytes, this.#prefaceBytes + bytes) === 0;
    if (!isGood) throw new ConnectionError(ERROR_CODE.protocol, 'no preface of HTTP/2');
    this.#prefaceBytes += bytes;
    return bytes;
  }
}
