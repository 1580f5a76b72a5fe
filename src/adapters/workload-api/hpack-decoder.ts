import { ConnectionError, ERROR_CODE } from './frames.ts';
import { createField, type Field, type FieldPlace, KnownFields } from './hpack-field.ts';
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

/** What decoders with the same `placeOf` have in common. */
export interface SharedFields {
  /** The static table. */
  readonly fixed: readonly Field[];
  readonly known: KnownFields;
}

/**
 * Reads blocks of headers (RFC 7541). The blocks of one direction of a connection have to come here in order, all of
 * them. Throws `ConnectionError`, after which the table is worth nothing.
 */
export class HpackDecoder {
  readonly #limits: HpackLimits;
  readonly #placeOf: (name: Buffer) => FieldPlace;
  readonly #static: readonly Field[];
  readonly #known: KnownFields;
  /** The newest last. */
  readonly #table: Field[] = [];
  #tableBytes = 0;
  #maxTableBytes: number;
  #changes = 0;
  #block: Buffer = NOTHING;
  #at = 0;

  constructor(limits: HpackLimits, placeOf: (name: Buffer) => FieldPlace, shared?: SharedFields) {
    this.#limits = limits;
    this.#placeOf = placeOf;
    this.#static = shared?.fixed ?? staticFields(placeOf);
    this.#known = shared?.known ?? new KnownFields();
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
      listBytes += field.size;
      if (listBytes > this.#limits.listBytes) throw new ConnectionError(ERROR_CODE.enhanceYourCalm, 'too many headers');
      fields.push(field);
    }
    // A connection may say nothing more for days.
    this.#block = NOTHING;
    return fields;
  }

  #field(first: number): Field {
    if ((first & 0x80) !== 0) return this.#indexed(this.#integer(0x7f));
    if ((first & 0x40) === 0) return this.#literal(0x0f, false);
    const field = this.#known.of(this.#literal(0x3f, true));
    this.#remember(field);
    return field;
  }

  #literal(prefix: number, isKept: boolean): Field {
    const index = this.#integer(prefix);
    const name = index === 0 ? this.#text() : this.#indexed(index).name;
    return createField(name, this.#text(), this.#placeOf, isKept);
  }

  #indexed(index: number): Field {
    const field =
      index <= this.#static.length
        ? this.#static[index - 1]
        : this.#table[this.#table.length - (index - this.#static.length)];
    if (field === undefined) throw broken('a header that is in no table');
    return field;
  }

  /** A field larger than the whole table empties it and is not kept (RFC 7541 §4.4). */
  #remember(field: Field): void {
    this.#changes += 1;
    this.#evictTo(this.#maxTableBytes - field.size);
    if (field.size > this.#maxTableBytes) return;
    this.#table.push(field);
    this.#tableBytes += field.size;
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
      this.#tableBytes -= oldest.size;
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

  #text(): Uint8Array {
    const isHuffman = ((this.#block[this.#at] ?? 0) & 0x80) !== 0;
    if (this.#at >= this.#block.length) throw broken('a text is missing');
    const length = this.#integer(0x7f);
    const start = this.#at;
    const end = start + length;
    if (end > this.#block.length) throw broken('a text is cut off');
    this.#at = end;
    if (!isHuffman) return this.#block.subarray(start, end);
    const output = Buffer.allocUnsafe(mostHuffmanOctets(length));
    const octets = decodeHuffman(this.#block, start, end, output);
    if (octets === -1) throw broken('a text in no Huffman code');
    return output.subarray(0, octets);
  }
}

/** The static table, to be shared by decoders with the same `placeOf`. */
export const staticFields = (placeOf: (name: Buffer) => FieldPlace): readonly Field[] =>
  STATIC_TABLE.map(([name, value]) => createField(Buffer.from(name), Buffer.from(value), placeOf, true));
