import { hash } from 'node:crypto';
import type { KeyHome } from '../domain/authority.ts';
import { CLEAR_MEMBERS } from '../domain/fact-kinds.ts';
import type { Fact, FactKind, FactOf } from '../domain/fact.ts';
import type { Instant } from '../domain/instant.ts';
import { canonicalJson, canonicalName } from './canonical-json.ts';
import type { CanonicalValue } from './canonical-json.ts';

/** An entry is written behind a length of two octets (transparency-log §5). */
const MAX_LEAF_BYTES = 65_535;

export const SALT_BYTES = 32;

const VERSION = 1;

/** What opens a leaf's commitment: erasing both leaves the leaf, and nothing to guess from (TL-14). */
export interface Opening {
  readonly salt: Uint8Array;
  /** RFC 8785 JSON, UTF-8. */
  readonly detail: Uint8Array;
}

export interface FactLeaf {
  /** RFC 8785 JSON, UTF-8: `c` the commitment, `k` the kind, `t` milliseconds, `v` the version, and the clear members. */
  readonly leaf: Uint8Array;
  /** Absent when every member stands in the leaf. */
  readonly opening?: Opening;
}

/** The names that facts of one kind were seen to have, in the order in which they are written, each with what stands before its value. */
interface Names {
  readonly known: Set<string>;
  readonly clear: readonly Name[];
  readonly hidden: readonly Name[];
}

interface Name {
  readonly name: string;
  readonly prefix: string;
}

/** A sealed key and the place of a key stand in the authority's row alone. */
const withoutKey = (home: KeyHome): KeyHome => {
  if (home.kind === 'sealed') return { kind: 'sealed', blob: '' };
  return home.kind === 'file' ? { kind: 'file', reference: '' } : home;
};

/** A reference to oneself: what a fact leans on is mostly what it also names, and a detail is kept for a year. */
const OWN = '=';

type Leaning = FactOf<'issued'>;

const shortLeans = (fact: Leaning): CanonicalValue => {
  const { agent, authority, entry } = fact.leans;
  return {
    ...fact.leans,
    ...(agent !== undefined && { agent: agent === fact.agent ? OWN : agent }),
    ...(authority !== undefined && { authority: authority === fact.authority ? OWN : authority }),
    ...(entry && { entry: entry.id === fact.entry ? { ...entry, id: OWN } : entry }),
  };
};

const fullLeans = (fact: Leaning): Leaning => {
  const { agent, authority, entry } = fact.leans;
  return {
    ...fact,
    // Most credentials spend nothing: then the detail does not say so.
    spends: (fact as Partial<Leaning>).spends ?? [],
    leans: {
      ...fact.leans,
      ...(agent === OWN && fact.agent !== undefined && { agent: fact.agent }),
      ...(authority === OWN && { authority: fact.authority }),
      ...(entry?.id === OWN && fact.entry !== undefined && { entry: { ...entry, id: fact.entry } }),
    },
  };
};

/** What the log keeps of one member of a fact, shortened; undefined when it keeps nothing. */
const recorded = (fact: Fact, name: string, value: CanonicalValue | undefined): CanonicalValue | undefined => {
  if (fact.kind === 'issued') {
    if (name === 'leans') return shortLeans(fact);
    return name === 'spends' && fact.spends.length === 0 ? undefined : value;
  }
  if (fact.kind === 'authority-prepared' && name === 'authority') {
    return { ...fact.authority, key: withoutKey(fact.authority.key) };
  }
  if (fact.kind === 'keys-resealed' && name === 'keys') return fact.keys.map(({ id }) => ({ id, blob: '' }));
  return value;
};

/** Members of every leaf: commitment, kind, time, version. */
const LEAF_MEMBERS = ['c', 'k', 't', 'v'];

const inOrder = (names: Iterable<string>): readonly Name[] =>
  [...names].sort().map((name) => ({ name, prefix: `${canonicalName(name)}:` }));

const namesOf = (kind: FactKind, known: Set<string>): Names => {
  const clear: ReadonlySet<string> = new Set(CLEAR_MEMBERS[kind]);
  return { known, clear: inOrder([...clear, ...LEAF_MEMBERS]), hidden: inOrder(known.difference(clear)) };
};

const NAMES = new Map<FactKind, Names>();

/** Sorting a fact's names takes as long as writing it, and the facts of a kind have nearly all the same ones. */
const namesIn = (fact: Fact): Names => {
  let names = NAMES.get(fact.kind) ?? namesOf(fact.kind, new Set());
  for (const name in fact) {
    if (name === 'kind' || names.known.has(name)) continue;
    names = namesOf(fact.kind, new Set([...names.known, name]));
  }
  NAMES.set(fact.kind, names);
  return names;
};

const BLOCK_BYTES = 64;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

const keyedBlock = (key: Uint8Array, pad: number, message: Uint8Array): Buffer => {
  const block = Buffer.allocUnsafe(BLOCK_BYTES + message.length);
  for (let at = 0; at < BLOCK_BYTES; at++) block[at] = (key[at] ?? 0) ^ pad;
  block.set(message, BLOCK_BYTES);
  return block;
};

/** HMAC-SHA256(salt, detail) of RFC 2104, as two plain hashes: `createHmac` costs four times as much (DEC-46). Hexadecimal. */
export const commitmentTo = ({ salt, detail }: Opening): string => {
  if (salt.length !== SALT_BYTES) throw new RangeError(`a salt has ${SALT_BYTES} octets`);
  const inner = hash('sha256', keyedBlock(salt, INNER_PAD, detail), 'buffer');
  return hash('sha256', keyedBlock(salt, OUTER_PAD, inner), 'hex');
};

/**
 * The bytes that enter the log for a fact, and the opening of what they only commit to. Throws when the leaf would be
 * longer than `MAX_LEAF_BYTES` or a member has no canonical form.
 */
export const writeFactLeaf = (fact: Fact, time: Instant, salt: Uint8Array): FactLeaf => {
  const names = namesIn(fact);
  const of = fact as unknown as Record<string, CanonicalValue | undefined>;
  const hidden = writeMembers(names.hidden, (name) => recorded(fact, name, of[name]));
  const opening = hidden === '{}' ? undefined : { salt, detail: Buffer.from(hidden) };
  const common: Readonly<Record<string, CanonicalValue | undefined>> = {
    c: opening && commitmentTo(opening),
    k: fact.kind,
    t: time,
    v: VERSION,
  };
  const clear = writeMembers(names.clear, (name) => (name in common ? common[name] : recorded(fact, name, of[name])));
  return { leaf: bounded(clear), ...(opening && { opening }) };
};

/** Those that have a value. */
const writeMembers = (names: readonly Name[], valueOf: (name: string) => CanonicalValue | undefined): string => {
  let out = '';
  for (const { name, prefix } of names) {
    const value = valueOf(name);
    if (value !== undefined) out += `${out === '' ? '' : ','}${prefix}${canonicalJson(value)}`;
  }
  return `{${out}}`;
};

const bounded = (json: string): Buffer => {
  const leaf = Buffer.from(json);
  if (leaf.length > MAX_LEAF_BYTES) throw new RangeError(`a leaf has at most ${MAX_LEAF_BYTES} octets`);
  return leaf;
};

/** A leaf read back. */
export interface ReadLeaf {
  readonly kind: FactKind;
  readonly time: Instant;
  readonly commitment?: string;
  /** The members in clear, without those that every leaf has. */
  readonly clear: Readonly<Record<string, unknown>>;
}

const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');

/** Reads a leaf that this log wrote. Throws on any other bytes: a store that holds them is damaged. */
export const readFactLeaf = (leaf: Uint8Array): ReadLeaf => {
  const { k, t, v, c, ...clear } = JSON.parse(text(leaf)) as Record<string, unknown>;
  if (v !== VERSION || typeof k !== 'string' || !Object.hasOwn(CLEAR_MEMBERS, k) || !Number.isSafeInteger(t)) {
    throw new TypeError('not a leaf of this log');
  }
  return { kind: k as FactKind, time: t as Instant, clear, ...(typeof c === 'string' && { commitment: c }) };
};

/**
 * The whole fact of a leaf and its opening. Undefined when the leaf commits to a detail and the opening is gone. Throws
 * when the opening does not fit the commitment. A key's home comes back without its sealed blob or its path.
 */
export const openFact = (leaf: ReadLeaf, opening: Opening | undefined): Fact | undefined => {
  if (leaf.commitment === undefined) return { ...leaf.clear, kind: leaf.kind } as Fact;
  if (!opening) return undefined;
  if (commitmentTo(opening) !== leaf.commitment) throw new TypeError('the opening does not fit the leaf');
  const detail = JSON.parse(text(opening.detail)) as Record<string, unknown>;
  const fact = { ...leaf.clear, ...detail, kind: leaf.kind } as Fact;
  return fact.kind === 'issued' ? fullLeans(fact) : fact;
};
