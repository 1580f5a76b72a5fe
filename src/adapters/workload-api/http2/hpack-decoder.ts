import { ConnectionError, ERROR_CODE } from './frames.ts';
import { type Field, KnownFields, sizeOf } from './hpack-field.ts';
import { decodeHuffman, mostHuffmanOctets } from './hpack-huffman.ts';
import { STATIC_TABLE } from './hpack-static-table.ts';

/** How large the table may grow where our SETTINGS do not say so (RFC 9113 §6.5.2). */
export const DEFAULT_TABLE_BYTES = 4096;

/** Of what is left once the prefix is full: 21 bits, far beyond any block that is read here. */
const MAX_INTEGER_OCTETS = 3;

export interface HpackLimits {
  /** The most that the sender may let the table grow to; what our SETTINGS say. */
  readonly tableBytes: number;
  /** Headers of one block together, counted as the table counts them: a few octets may stand for megabytes. */
  readonly listBytes: number;
}

const NOTHING = Buffer.alloc(0);

const broken = (what: string): ConnectionError => new ConnectionError(ERROR_CODE.compression, what);

const STATIC_FIELDS: readonly Field[] = STATIC_TABLE.map(([name, value]) => ({ name, value }));
/** Of all connections. */
const KNOWN_FIELDS = new KnownFields();

/**
 * Reads blocks of headers (RFC 7541). The blocks of one direction of a connection have to come here in order, all of
 * them. Throws `ConnectionError`, after which the table is worth nothing.
 */
export class HpackDecoder {
  readonly #limits: HpackLimits;
  /** The newest last. */
  readonly #table: Field[] = [];
  #tableBytes = 0;
  #maxTableBytes: number;
  #changes = 0;
  #block: Buffer = NOTHING;
  #at = 0;

  constructor(limits: HpackLimits) {
    this.#limits = limits;
    this.#maxTableBytes = limits.tableBytes;
  }

  /** Goes up whenever a block changed the table: the same octets mean the same headers until then. */
  get changes(): number {
    return this.#changes;
  }

  decode(block: Buffer): readonly Field[] {
    this.#block = block;
    this.#at = 0;
    const fields: Field[] = [];
    let listBytes = 0;
    while (this.#at < block.length) {
      const first = block[this.#at] ?? 0;
      if ((first & 0xe0) === 0x20) {
        if (fields.length > 0) throw broken('the size of the header table changes inside a block');
        this.#resize(this.#integer(0x1f));
        continue;
      }
      const field = this.#field(first);
      listBytes += sizeOf(field);
      if (listBytes > this.#limits.listBytes) throw new ConnectionError(ERROR_CODE.enhanceYourCalm, 'too many headers');
      fields.push(field);
    }
    // A connection may say nothing more for days.
    this.#block = NOTHING;
    return fields;
  }

  #field(first: number): Field {
    if ((first & 0x80) !== 0) return this.#indexed(this.#integer(0x7f));
    if ((first & 0x40) === 0) return this.#literal(0x0f);
    const field = KNOWN_FIELDS.of(this.#literal(0x3f));
    this.#remember(field);
    return field;
  }

  #literal(prefix: number): Field {
    const index = this.#integer(prefix);
    const name = index === 0 ? this.#text() : this.#indexed(index).name;
    return { name, value: this.#text() };
  }

  #indexed(index: number): Field {
    const field =
      index <= STATIC_FIELDS.length
        ? STATIC_FIELDS[index - 1]
        : this.#table[this.#table.length - (index - STATIC_FIELDS.length)];
    if (field === undefined) throw broken('a header that is in no table');
    return field;
  }

  /** A field larger than the whole table empties it and is not kept (RFC 7541 §4.4). */
  #remember(field: Field): void {
    this.#changes += 1;
    const size = sizeOf(field);
    this.#evictTo(this.#maxTableBytes - size);
    if (size > this.#maxTableBytes) return;
    this.#table.push(field);
    this.#tableBytes += size;
  }

  #resize(bytes: number): void {
    if (bytes > this.#limits.tableBytes) throw broken('a header table larger than allowed');
    this.#changes += 1;
    this.#maxTableBytes = bytes;
    this.#evictTo(bytes);
  }

  #evictTo(bytes: number): void {
    while (this.#tableBytes > bytes) {
      const oldest = this.#table.shift();
      if (oldest === undefined) return;
      this.#tableBytes -= sizeOf(oldest);
    }
  }

  /** RFC 7541 §5.1; `prefix` is the mask of its first octet. */
  #integer(prefix: number): number {
    const start = (this.#block[this.#at++] ?? 0) & prefix;
    if (start < prefix) return start;
    let value = start;
    for (let octets = 0; octets < MAX_INTEGER_OCTETS; octets++) {
      const octet = this.#block[this.#at++];
      if (octet === undefined) throw broken('a number is cut off');
      value += (octet & 0x7f) << (7 * octets);
      if ((octet & 0x80) === 0) return value;
    }
    throw broken('a number that is too large');
  }

  #text(): string {
    const isHuffman = ((this.#block[this.#at] ?? 0) & 0x80) !== 0;
    if (this.#at >= this.#block.length) throw broken('a text is missing');
    const length = this.#integer(0x7f);
    const start = this.#at;
    const end = start + length;
    if (end > this.#block.length) throw broken('a text is cut off');
    this.#at = end;
    if (!isHuffman) return this.#block.toString('latin1', start, end);
    const output = Buffer.allocUnsafe(mostHuffmanOctets(length));
    const octets = decodeHuffman(this.#block, start, end, output);
    if (octets === -1) throw broken('a text in no Huffman code');
    return output.toString('latin1', 0, octets);
  }
}
