/** What may be written canonically: no floats, no `undefined`, no class instances. */
export type CanonicalValue =
  | null
  | boolean
  | number
  | string
  | readonly CanonicalValue[]
  | { readonly [name: string]: CanonicalValue };

/** Printable ASCII without quote and backslash stands for itself: nearly all that we write. */
const PLAIN = /^[ !#-[\]-~]*$/;

const writeString = (text: string): string => {
  if (PLAIN.test(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw new TypeError('half of a surrogate pair has no canonical form');
  return JSON.stringify(text);
};

const writeNumber = (value: number): string => {
  if (!Number.isSafeInteger(value)) throw new TypeError('only integers within 2^53 have a canonical form here');
  return String(value);
};

const writeArray = (values: readonly unknown[]): string => {
  let out = '[';
  for (let at = 0; at < values.length; at++) out += (at === 0 ? '' : ',') + write(values[at]);
  return `${out}]`;
};

/** A plain object's prototype ends the chain, whichever realm made it; a Date's or a Map's does not. */
const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
};

/** Objects of ours are smaller; what a stranger may have a say in goes to the sort that has no worst case. */
const FEW_NAMES = 32;

/** Sorts by UTF-16 code units, as RFC 8785 §3.2.3 wants it and as `sort()` does. */
const inOrder = (names: string[]): string[] => {
  if (names.length > FEW_NAMES) return names.sort();
  for (let next = 1; next < names.length; next++) {
    const name = names[next] ?? '';
    let at = next;
    for (; at > 0 && (names[at - 1] ?? '') > name; at--) names[at] = names[at - 1] ?? '';
    names[at] = name;
  }
  return names;
};

const writeObject = (value: object): string => {
  if (!isPlain(value)) throw new TypeError('only plain objects have a canonical form');
  const names = inOrder(Object.keys(value));
  let out = '{';
  let separator = '';
  for (const name of names) {
    out += `${separator}${writeString(name)}:${write((value as Record<string, unknown>)[name])}`;
    separator = ',';
  }
  return `${out}}`;
};

const write = (value: unknown): string => {
  switch (typeof value) {
    case 'string':
      return writeString(value);
    case 'number':
      return writeNumber(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? writeArray(value) : writeObject(value);
    default:
      throw new TypeError(`a ${typeof value} has no canonical form`);
  }
};

/** The name of a member as `canonicalJson` writes it. */
export const canonicalName = writeString;

/**
 * RFC 8785 for our values: members sorted by UTF-16 code units, no white space, integers within 2^53 only. Equal values
 * give equal bytes, whoever writes them. Throws TypeError for anything else, since that is a bug of ours.
 */
export const canonicalJson = (value: CanonicalValue): string => write(value);
