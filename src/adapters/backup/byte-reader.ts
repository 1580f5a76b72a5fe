const LINE_FEED = 0x0a;

/** Takes octets out of a stream of pieces in the portions that are wanted. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** `count` octets, fewer only at the end. */
  async take(count: number): Promise<Buffer> {
    await this.#fill(count);
    return this.#cut(Math.min(count, this.#held.length));
  }

  /** All up to the first line feed and that too; without one, as much as `max` octets. */
  async takeLine(max: number): Promise<Buffer> {
    await this.#fill(max);
    const end = this.#held.subarray(0, max).indexOf(LINE_FEED);
    return this.#cut(end === -1 ? Math.min(max, this.#held.length) : end + 1);
  }

  async isAtEnd(): Promise<boolean> {
    await this.#fill(1);
    return this.#held.length === 0;
  }

  async #fill(count: number): Promise<void> {
    if (this.#held.length >= count) return;
    const pieces: Uint8Array[] = [this.#held];
    let length = this.#held.length;
    while (length < count && !this.#ended) {
      const { value, done } = await this.#source.next();
      if (done === true) this.#ended = true;
      else {
        pieces.push(value);
        length += value.length;
      }
    }
    this.#held = Buffer.concat(pieces);
  }

  #cut(length: number): Buffer {
    const cut = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return cut;
  }
}
