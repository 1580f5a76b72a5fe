/**
 * Reading DER (X.690) that strangers wrote. One form only: definite and shortest lengths, tag numbers below 31, nothing
 * after the end, bounded depth. It shares nothing with the writer in `der.ts`.
 */

/** The bytes are not the DER that was expected. The message names the place, never the content. */
export class DerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DerError';
  }
}

const MAX_DEPTH = 16;
const CONSTRUCTED = 0x20;

/**
 * One element. `raw` is it with its header, `content` without; both are views, made when they are asked for, since most
 * elements are only walked through, and of short ones `octet` tells enough.
 */
export class DerElement {
  readonly tag: number;
  readonly depth: number;
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #contentStart: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start: number, contentStart: number, end: number, depth: number) {
    this.tag = bytes[start] ?? 0;
    this.depth = depth;
    this.#bytes = bytes;
    this.#start = start;
    this.#contentStart = contentStart;
    this.#end = end;
  }

  get raw(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  get content(): Uint8Array {
    return this.contentFrom(0);
  }

  /** The content without its first `at` octets. */
  contentFrom(at: number): Uint8Array {
    return this.#bytes.subarray(this.#contentStart + at, this.#end);
  }

  /** Of the content. */
  get length(): number {
    return this.#end - this.#contentStart;
  }

  /** One of the content, undefined behind its end. */
  octet(at: number): number | undefined {
    const place = this.#contentStart + at;
    return place < this.#end ? this.#bytes[place] : undefined;
  }

  /** A reader over the content, one level deeper. */
  enter(): DerReader {
    return new DerReader(this.#bytes, this.depth + 1, this.#contentStart, this.#end);
  }
}

/**
 * Reads the elements that stand side by side in `bytes`, first to last. Whatever is missing or wrong throws a `DerError`.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #depth: number;
  readonly #end: number;
  #at: number;
  /** Where the content of the element before `#at` begins. */
  #contentStart: number;

  constructor(bytes: Uint8Array, depth = 0, start = 0, end = bytes.length) {
    if (depth > MAX_DEPTH) throw new DerError('nested too deeply');
    this.#bytes = bytes;
    this.#depth = depth;
    this.#at = start;
    this.#contentStart = start;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#at === this.#end;
  }

  /** The tag that comes next, or undefined at the end. */
  get nextTag(): number | undefined {
    return this.#octet(this.#at);
  }

  /** The next element, which must have `tag` when one is given. */
  read(tag?: number): DerElement {
    const start = this.#at;
    this.#pass(tag);
    return new DerElement(this.#bytes, start, this.#contentStart, this.#at, this.#depth);
  }

  /** The next element when it has `tag`, else undefined. */
  readOptional(tag: number): DerElement | undefined {
    return this.nextTag === tag ? this.read(tag) : undefined;
  }

  /** A reader over the content of the next element, which must be constructed and have `tag`. */
  enter(tag: number): DerReader {
    this.#pass(tag);
    return new DerReader(this.#bytes, this.#depth + 1, this.#contentStart, this.#at);
  }

  /** Nothing may follow. */
  end(): void {
    if (!this.atEnd) throw new DerError('bytes after the end');
  }

  /** Goes behind the next element. Apart from `read` and `enter`, so that those are short enough to be compiled into their callers. */
  #pass(tag: number | undefined): void {
    const start = this.#at;
    const found = this.#octet(start);
    if (found === undefined) throw new DerError('ends too early');
    if ((found & 0x1f) === 0x1f) throw new DerError('a tag number above 30');
    if (tag !== undefined && found !== tag) {
      throw new DerError(
        `tag 0x${found.toString(16).padStart(2, '0')} in place of 0x${tag.toString(16).padStart(2, '0')}`,
      );
    }
    const first = this.#octet(start + 1);
    if (first === undefined) throw new DerError('ends too early');
    let contentStart = start + 2;
    let length = first;
    if (first >= 0x80) {
      const octets = first & 0x7f;
      if (octets === 0 || octets > 3) throw new DerError('an indefinite or oversized length');
      length = 0;
      for (let i = 0; i < octets; i++) length = length * 256 + (this.#octet(contentStart + i) ?? 0);
      contentStart += octets;
      if (length < 0x80 || length < 256 ** (octets - 1)) throw new DerError('a length that is not the shortest');
    }
    const end = contentStart + length;
    if (end > this.#end) throw new DerError('ends too early');
    this.#contentStart = contentStart;
    this.#at = end;
  }

  #octet(at: number): number | undefined {
    return at < this.#end ? this.#bytes[at] : undefined;
  }
}

/** The one element that `bytes` are; it has `tag`, and nothing follows. */
export const readSingle = (bytes: Uint8Array, tag: number): DerElement => {
  const reader = new DerReader(bytes);
  const element = reader.read(tag);
  reader.end();
  return element;
};

/** A reader over the content of the one constructed element that `bytes` are. */
export const readWhole = (bytes: Uint8Array, tag: number): DerReader => readSingle(bytes, tag).enter();

/** Walks everything below `element`: what is skipped still has to be DER. Primitive content is not judged. */
export const checkWellFormed = (element: DerElement): void => {
  if ((element.tag & CONSTRUCTED) === 0) return;
  const reader = element.enter();
  while (!reader.atEnd) checkWellFormed(reader.read());
};

/** The content of an INTEGER that is not negative, without its sign octet, in its only form. */
export const unsignedContent = (element: DerElement): Uint8Array => {
  const first = element.octet(0);
  if (element.tag !== 0x02 || first === undefined) throw new DerError('not an INTEGER');
  if (first > 0x7f) throw new DerError('a negative INTEGER');
  if (first > 0 || element.length === 1) return element.content;
  const second = element.octet(1);
  if (second === undefined || second < 0x80) throw new DerError('an INTEGER that is not the shortest');
  return element.contentFrom(1);
};

/** A number of at most 31 bits, such as a version or a path length. */
export const smallNumber = (element: DerElement): number => {
  const content = unsignedContent(element);
  if (content.length > 4) throw new DerError('an INTEGER out of range');
  return content.reduce((value, octet) => value * 256 + octet, 0);
};

export const booleanValue = (element: DerElement): boolean => {
  const value = element.octet(0);
  if (element.tag !== 0x01 || element.length !== 1 || (value !== 0 && value !== 0xff)) {
    throw new DerError('not a BOOLEAN');
  }
  return value === 0xff;
};

/** The octets of a BIT STRING whose length is a whole number of octets. */
export const wholeOctets = (element: DerElement): Uint8Array => {
  if (element.tag !== 0x03 || element.octet(0) !== 0) throw new DerError('not a BIT STRING of whole octets');
  return element.contentFrom(1);
};

/** Bit 0 is the first. A named bit list ends with a set bit (X.690 §11.2.2). */
export const namedBits = (element: DerElement): readonly boolean[] => {
  const unused = element.octet(0);
  if (element.tag !== 0x03 || unused === undefined || unused > 7) throw new DerError('not a BIT STRING');
  const last = element.length > 1 ? element.octet(element.length - 1) : undefined;
  if (last === undefined ? unused !== 0 : (last & ((1 << (unused + 1)) - 1)) !== 1 << unused) {
    throw new DerError('a list of bits that is not the shortest');
  }
  const bits: boolean[] = [];
  for (let at = 1; at < element.length; at++) {
    const octet = element.octet(at) ?? 0;
    for (let bit = 7; bit >= 0; bit--) bits.push((octet & (1 << bit)) !== 0);
  }
  return bits;
};
