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

/** One element: `raw` with its header, `content` without. Both are views, not copies. */
export interface DerElement {
  readonly tag: number;
  readonly raw: Uint8Array;
  readonly content: Uint8Array;
  readonly depth: number;
}

/**
 * Reads the elements that stand side by side in `bytes`, first to last. Whatever is missing or wrong throws a `DerError`.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #depth: number;
  #at = 0;

  constructor(bytes: Uint8Array, depth = 0) {
    if (depth > MAX_DEPTH) throw new DerError('nested too deeply');
    this.#bytes = bytes;
    this.#depth = depth;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The tag that comes next, or undefined at the end. */
  get nextTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** The next element, which must have `tag` when one is given. */
  read(tag?: number): DerElement {
    const start = this.#at;
    const found = this.#bytes[start];
    if (found === undefined) throw new DerError('ends too early');
    if ((found & 0x1f) === 0x1f) throw new DerError('a tag number above 30');
    if (tag !== undefined && found !== tag) {
      throw new DerError(
        `tag 0x${found.toString(16).padStart(2, '0')} in place of 0x${tag.toString(16).padStart(2, '0')}`,
      );
    }
    const first = this.#bytes[start + 1];
    if (first === undefined) throw new DerError('ends too early');
    let contentStart = start + 2;
    let length = first;
    if (first >= 0x80) {
      const octets = first & 0x7f;
      if (octets === 0 || octets > 3) throw new DerError('an indefinite or oversized length');
      length = 0;
      for (let i = 0; i < octets; i++) length = length * 256 + (this.#bytes[contentStart + i] ?? 0);
      contentStart += octets;
      if (length < 0x80 || length < 256 ** (octets - 1)) throw new DerError('a length that is not the shortest');
    }
    const end = contentStart + length;
    if (end > this.#bytes.length) throw new DerError('ends too early');
    this.#at = end;
    return {
      tag: found,
      raw: this.#bytes.subarray(start, end),
      content: this.#bytes.subarray(contentStart, end),
      depth: this.#depth,
    };
  }

  /** The next element when it has `tag`, else undefined. */
  readOptional(tag: number): DerElement | undefined {
    return this.nextTag === tag ? this.read(tag) : undefined;
  }

  /** A reader over the content of the next element, which must be constructed and have `tag`. */
  enter(tag: number): DerReader {
    return inside(this.read(tag));
  }

  /** Nothing may follow. */
  end(): void {
    if (!this.atEnd) throw new DerError('bytes after the end');
  }
}

/** A reader over the content of a constructed element. */
export const inside = (element: DerElement): DerReader => new DerReader(element.content, element.depth + 1);

/** The one element that `bytes` are; it has `tag`, and nothing follows. */
export const readSingle = (bytes: Uint8Array, tag: number): DerElement => {
  const reader = new DerReader(bytes);
  const element = reader.read(tag);
  reader.end();
  return element;
};

/** A reader over the content of the one constructed element that `bytes` are. */
export const readWhole = (bytes: Uint8Array, tag: number): DerReader => inside(readSingle(bytes, tag));

/** Walks everything below `element`: what is skipped still has to be DER. Primitive content is not judged. */
export const checkWellFormed = (element: DerElement): void => {
  if ((element.tag & CONSTRUCTED) === 0) return;
  const reader = inside(element);
  while (!reader.atEnd) checkWellFormed(reader.read());
};

/** The content of an INTEGER that is not negative, without its sign octet, in its only form. */
export const unsignedContent = (element: DerElement): Uint8Array => {
  const [first, second] = element.content;
  if (element.tag !== 0x02 || first === undefined) throw new DerError('not an INTEGER');
  if (first > 0x7f) throw new DerError('a negative INTEGER');
  if (first === 0 && element.content.length > 1) {
    if (second === undefined || second < 0x80) throw new DerError('an INTEGER that is not the shortest');
    return element.content.subarray(1);
  }
  return element.content;
};

/** A number of at most 31 bits, such as a version or a path length. */
export const smallNumber = (element: DerElement): number => {
  const content = unsignedContent(element);
  if (content.length > 4) throw new DerError('an INTEGER out of range');
  return content.reduce((value, octet) => value * 256 + octet, 0);
};

export const booleanValue = (element: DerElement): boolean => {
  const value = element.content[0];
  if (element.tag !== 0x01 || element.content.length !== 1 || (value !== 0 && value !== 0xff)) {
    throw new DerError('not a BOOLEAN');
  }
  return value === 0xff;
};

/** The octets of a BIT STRING whose length is a whole number of octets. */
export const wholeOctets = (element: DerElement): Uint8Array => {
  if (element.tag !== 0x03 || element.content[0] !== 0) throw new DerError('not a BIT STRING of whole octets');
  return element.content.subarray(1);
};

/** Bit 0 is the first. A named bit list ends with a set bit (X.690 §11.2.2). */
export const namedBits = (element: DerElement): readonly boolean[] => {
  const [unused, ...octets] = element.content;
  if (element.tag !== 0x03 || unused === undefined || unused > 7) throw new DerError('not a BIT STRING');
  const last = octets.at(-1);
  if (last === undefined ? unused !== 0 : (last & ((1 << (unused + 1)) - 1)) !== 1 << unused) {
    throw new DerError('a list of bits that is not the shortest');
  }
  return octets.flatMap((octet) => [7, 6, 5, 4, 3, 2, 1, 0].map((bit) => (octet & (1 << bit)) !== 0));
};

/** The dotted form of an OBJECT IDENTIFIER. */
export const objectIdentifierText = (element: DerElement): string => {
  const { tag, content } = element;
  if (tag !== 0x06 || content.length === 0 || content.length > 64) throw new DerError('not an OBJECT IDENTIFIER');
  let text = '';
  let arc = 0;
  let isArcOpen = false;
  for (const octet of content) {
    if (!isArcOpen && octet === 0x80) throw new DerError('an OBJECT IDENTIFIER that is not the shortest');
    arc = arc * 128 + (octet & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw new DerError('an OBJECT IDENTIFIER out of range');
    isArcOpen = octet >= 0x80;
    if (isArcOpen) continue;
    if (text === '') {
      const root = arc < 40 ? 0 : arc < 80 ? 1 : 2;
      text = `${root}.${arc - root * 40}`;
    } else text += `.${arc}`;
    arc = 0;
  }
  if (isArcOpen) throw new DerError('an OBJECT IDENTIFIER that ends too early');
  return text;
};
