import type { Field } from './hpack-field.ts';

/** A literal that no table remembers, its name spelled out (RFC 7541 §6.2.2). */
const LITERAL_WITHOUT_INDEXING = 0x00;
/** An indexed field of the static table (RFC 7541 §6.1). */
const STATUS_200 = 0x88;
const LENGTH_PREFIX_MAX = 0x7f;

/** A length with a prefix of seven bits (RFC 7541 §5.1). */
const length = (value: number): readonly number[] => {
  if (value < LENGTH_PREFIX_MAX) return [value];
  const octets = [LENGTH_PREFIX_MAX];
  let rest = value - LENGTH_PREFIX_MAX;
  for (; rest >= 0x80; rest >>>= 7) octets.push(0x80 | (rest & 0x7f));
  return [...octets, rest];
};

const literal = ({ name, value }: Field): Buffer => {
  if (name === ':status' && value === '200') return Buffer.of(STATUS_200);
  const head = Buffer.of(LITERAL_WITHOUT_INDEXING, ...length(name.length));
  return Buffer.concat([
    head,
    Buffer.from(name, 'latin1'),
    Buffer.of(...length(value.length)),
    Buffer.from(value, 'latin1'),
  ]);
};

/**
 * Writes a block of headers that uses no dynamic table, so that one block serves all connections (RFC 7541). Names are in small
 * letters, pseudo-headers first; that is up to the caller.
 */
export const headerBlock = (fields: Readonly<Record<string, string>>): Buffer => {
  const block = Buffer.concat(Object.entries(fields).map(([name, value]) => literal({ name, value })));
  // Blocks are kept and shared: one from the pool would keep all of that alive.
  const own = Buffer.allocUnsafeSlow(block.length);
  block.copy(own);
  return own;
};

/**
 * Says in front of the first block of a connection that the table of our blocks is empty and stays so (RFC 7541 §6.3): some
 * clients allow a smaller one than is usual, and have to be answered.
 */
export const EMPTY_TABLE = Buffer.of(0x20);
