/** Where a header goes when its block is written anew. */
export type FieldPlace = 'pseudo' | 'ordinary' | 'nowhere';

/** One header, with the octets that it takes as a literal that no table remembers (RFC 7541 §6.2.2). */
export interface Field {
  readonly name: Buffer;
  readonly literal: Buffer;
  /** As tables and limits count it (RFC 7541 §4.1). */
  readonly size: number;
  readonly place: FieldPlace;
}

/** What each header costs beside its name and value (RFC 7541 §4.1). */
const OVERHEAD = 32;
const LITERAL_WITHOUT_INDEXING = 0x00;
const LENGTH_PREFIX_MAX = 0x7f;

/** How many octets a length takes with a prefix of seven bits (RFC 7541 §5.1). */
const lengthBytes = (length: number): number => {
  let bytes = 1;
  if (length < LENGTH_PREFIX_MAX) return bytes;
  for (let rest = length - LENGTH_PREFIX_MAX; ; rest >>>= 7) {
    bytes += 1;
    if (rest < 0x80) return bytes;
  }
};

const writeLength = (output: Buffer, at: number, length: number): number => {
  if (length < LENGTH_PREFIX_MAX) {
    output[at] = length;
    return at + 1;
  }
  output[at] = LENGTH_PREFIX_MAX;
  let place = at + 1;
  let rest = length - LENGTH_PREFIX_MAX;
  for (; rest >= 0x80; rest >>>= 7) output[place++] = 0x80 | (rest & 0x7f);
  output[place] = rest;
  return place + 1;
};

/**
 * Copies name and value; `placeOf` looks at the name. A field that `isKept` has octets of its own: one cut from the
 * pool of the runtime would keep 8 KiB alive.
 */
export const createField = (
  name: Uint8Array,
  value: Uint8Array,
  placeOf: (name: Buffer) => FieldPlace,
  isKept: boolean,
): Field => {
  const valueStart = 1 + lengthBytes(name.length) + name.length;
  const bytes = valueStart + lengthBytes(value.length) + value.length;
  const literal = isKept ? Buffer.allocUnsafeSlow(bytes) : Buffer.allocUnsafe(bytes);
  literal[0] = LITERAL_WITHOUT_INDEXING;
  const nameStart = writeLength(literal, 1, name.length);
  literal.set(name, nameStart);
  literal.set(value, writeLength(literal, nameStart + name.length, value.length));
  const ownName = literal.subarray(nameStart, nameStart + name.length);
  return { name: ownName, literal, size: name.length + value.length + OVERHEAD, place: placeOf(ownName) };
};

const MOST_KNOWN = 256;
const MOST_KNOWN_BYTES = 128;

/** One object for fields that are the same, as those of thousands of connections of one library are. The first few; long ones never. */
export class KnownFields {
  readonly #fields = new Map<string, Field>();

  of(field: Field): Field {
    if (field.literal.length > MOST_KNOWN_BYTES) return field;
    const key = field.literal.toString('latin1');
    const known = this.#fields.get(key);
    if (known === undefined && this.#fields.size < MOST_KNOWN) this.#fields.set(key, field);
    return known ?? field;
  }
}
