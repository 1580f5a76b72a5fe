import type { Random } from './random.ts';

/** Makes one more input out of those that were interesting so far; `pool` is never empty. */
export type Mutator = (random: Random, pool: readonly Uint8Array[]) => Buffer;

export const MAX_INPUT_BYTES = 16 * 1024;

const INTERESTING = [0x00, 0x01, 0x20, 0x22, 0x2e, 0x30, 0x7f, 0x80, 0x81, 0x84, 0xc0, 0xed, 0xff];

type Change = (random: Random, input: Buffer, pool: readonly Uint8Array[], words: readonly string[]) => Buffer;

const replace = (input: Buffer, start: number, end: number, middle: Uint8Array): Buffer =>
  Buffer.concat([input.subarray(0, start), middle, input.subarray(end)]);

const range = (random: Random, input: Uint8Array): readonly [number, number] => {
  const start = random.below(input.length + 1);
  const longest = random.oneIn(4) ? input.length - start : Math.min(8, input.length - start);
  return [start, start + random.below(longest + 1)];
};

const put = (input: Buffer, at: number, octet: number): Buffer => replace(input, at, at + 1, Buffer.of(octet));

const CHANGES: readonly Change[] = [
  (random, input) => {
    const at = random.below(Math.max(1, input.length));
    return put(input, at, (input[at] ?? 0) ^ (1 << random.below(8)));
  },
  (random, input) => put(input, random.below(input.length + 1), random.pick(INTERESTING)),
  (random, input) => put(input, random.below(input.length + 1), random.below(256)),
  (random, input) => {
    const at = random.below(Math.max(1, input.length));
    return put(input, at, (input[at] ?? 0) + random.pick([1, 255]));
  },
  (random, input) => replace(input, ...range(random, input), Buffer.alloc(0)),
  (random, input) => {
    const [start, end] = range(random, input);
    return replace(input, start, start, input.subarray(start, end));
  },
  (random, input) => replace(input, ...range(random, input), random.bytes(random.below(9))),
  (random, input, pool) => {
    const other = Buffer.from(random.pick(pool));
    return replace(input, ...range(random, input), other.subarray(...range(random, other)));
  },
  (random, input, _pool, words) =>
    words.length === 0 ? input : replace(input, ...range(random, input), Buffer.from(random.pick(words))),
  (random, input, _pool, words) => {
    const at = random.below(input.length + 1);
    return words.length === 0 ? input : replace(input, at, at, Buffer.from(random.pick(words)));
  },
  (random, input) => {
    const [start, end] = range(random, input);
    const part = input.subarray(start, end);
    const times = Math.min(random.below(300), Math.floor(MAX_INPUT_BYTES / Math.max(1, part.length)));
    return replace(input, start, end, Buffer.concat(Array.from({ length: times }, () => part)));
  },
];

const changed = (random: Random, input: Buffer, pool: readonly Uint8Array[], words: readonly string[]): Buffer => {
  let output = input;
  for (let left = 1 + random.below(4); left > 0; left--) output = random.pick(CHANGES)(random, output, pool, words);
  return output.subarray(0, MAX_INPUT_BYTES);
};

/** Changes bytes without knowing what they are; `words` are texts that the reader may know. */
export const bytesMutator =
  (words: readonly string[] = []): Mutator =>
  (random, pool) =>
    changed(random, Buffer.from(random.pick(pool)), pool, words);

const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  '',
  'a',
  'é\u0000',
  '\ud800',
  [],
  [[]],
  {},
  { a: 1 },
  'x'.repeat(3000),
];

const isHolder = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Every array and object in a value, itself included. */
const holders = (value: unknown): Record<string, unknown>[] =>
  isHolder(value) ? [value, ...Object.values(value).flatMap(holders)] : [];

const NAMES = ['__proto__', 'constructor', 'toString', 'length', '', 'a'];

const changeHolder = (random: Random, holder: Record<string, unknown>, others: readonly unknown[]): void => {
  const names = Object.keys(holder);
  const name = names.length === 0 || random.oneIn(6) ? random.pick(NAMES) : random.pick(names);
  const value = random.oneIn(2) ? random.pick(VALUES) : random.pick(others);
  const choice = random.below(4);
  if (choice === 0 && !Array.isArray(holder)) delete holder[name];
  else if (Array.isArray(holder) && (choice === 1 || !/^\d+$/.test(name))) holder.push(value);
  else if (choice === 2 && typeof holder[name] === 'string') {
    holder[name] = changed(random, Buffer.from(holder[name]), [Buffer.from(name)], ['.', '/', ':', ' ']).toString();
  } else {
    // Not by assignment: `__proto__` is to become a member like any other.
    Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
  }
};

const parsed = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
};

/** Changes members and values of JSON; now and then its text, and doubles a member. */
export const jsonMutator =
  (words: readonly string[] = []): Mutator =>
  (random, pool) => {
    const input = Buffer.from(random.pick(pool));
    const value = parsed(input);
    const all = holders(value);
    if (all.length === 0 || random.oneIn(5)) return changed(random, input, pool, words);
    const others = [...holders(parsed(random.pick(pool))), ...words];
    for (let left = 1 + random.below(3); left > 0; left--) {
      changeHolder(random, random.pick(all), others.length === 0 ? VALUES : structuredClone(others));
    }
    const output = JSON.stringify(value);
    const member = random.oneIn(8) ? /"[^"]*":(?:"[^"]*"|\d+)/.exec(output)?.[0] : undefined;
    const doubled = member === undefined ? output : output.replace('{', () => `{${member},`);
    return Buffer.from(doubled).subarray(0, MAX_INPUT_BYTES);
  };

/** Chooses between mutators, the first ones as often as the others. */
export const eitherMutator =
  (...mutators: readonly Mutator[]): Mutator =>
  (random, pool) =>
    random.pick(mutators)(random, pool);

export { changed as changeBytes };
