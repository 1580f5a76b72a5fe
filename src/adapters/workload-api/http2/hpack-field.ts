/** One header. Octets are letters of Latin-1, so that none is lost. */
export interface Field {
  readonly name: string;
  readonly value: string;
}

/** What each header costs beside its name and value (RFC 7541 §4.1). */
const OVERHEAD = 32;

/** As tables and limits count it (RFC 7541 §4.1). */
export const sizeOf = ({ name, value }: Field): number => name.length + value.length + OVERHEAD;

const MOST_KNOWN = 256;
const MOST_KNOWN_BYTES = 128;

/** One object for fields that are the same, as those of thousands of connections of one library are. The first few; long ones never. */
export class KnownFields {
  readonly #fields = new Map<string, Field>();

  of(field: Field): Field {
    const { name, value } = field;
    if (name.length + value.length > MOST_KNOWN_BYTES) return field;
    // No name that is sent on has a colon behind its first letter, but any may come here.
    const key = `${name.length}:${name}${value}`;
    const known = this.#fields.get(key);
    if (known === undefined && this.#fields.size < MOST_KNOWN) this.#fields.set(key, field);
    return known ?? field;
  }
}
