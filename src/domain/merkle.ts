import { hash } from 'node:crypto';

/** The Merkle tree of RFC 6962 §2.1 (the same in RFC 9162 §2.1), over SHA-256. */
export const HASH_BYTES = 32;

const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer');

/** SHA-256 of nothing: the root of a tree without leaves. */
export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array(0));

/** The prefixes keep a node from being passed off as a leaf. */
export const hashLeaf = (entry: Uint8Array): Buffer => {
  const input = Buffer.allocUnsafe(1 + entry.length);
  input[0] = 0x00;
  input.set(entry, 1);
  return sha256(input);
};

export const hashNode = (left: Uint8Array, right: Uint8Array): Buffer => {
  const input = Buffer.allocUnsafe(1 + 2 * HASH_BYTES);
  input[0] = 0x01;
  input.set(left, 1);
  input.set(right, 1 + HASH_BYTES);
  return sha256(input);
};

/** The hash of the perfect subtree of 2^`height` leaves that starts at leaf `index` × 2^`height`. */
export type NodeReader = (height: number, index: number) => Uint8Array;

/** Told of each perfect subtree the moment that its last leaf arrives; `index` counts subtrees of that height. */
export type NodeSink = (height: number, index: number, hash: Uint8Array) => void;

/**
 * A growing tree that remembers its right edge only: one hash for each binary digit 1 of its size, the largest first.
 * Sizes go up to 2^53 − 1, so nothing here uses the 32-bit operators.
 */
export class MerkleEdge {
  #size = 0;
  readonly #edge: Uint8Array[] = [];

  get size(): number {
    return this.#size;
  }

  /** The edge of a tree of `size` leaves whose nodes can be read. */
  static load(size: number, node: NodeReader): MerkleEdge {
    const edge = new MerkleEdge();
    edge.#size = size;
    edge.#edge.push(...perfectParts(0, size).map(([height, index]) => node(height, index)));
    return edge;
  }

  append(leafHash: Uint8Array, sink: NodeSink): void {
    let node = leafHash;
    let index = this.#size;
    sink(0, index, node);
    for (let height = 1; index % 2 === 1; height++) {
      const left = this.#edge.pop();
      if (left === undefined) throw new RangeError('the edge of the tree does not fit its size');
      node = hashNode(left, node);
      index = (index - 1) / 2;
      sink(height, index, node);
    }
    this.#edge.push(node);
    this.#size += 1;
  }

  root(): Uint8Array {
    return foldRight(this.#edge);
  }
}

const foldRight = (parts: readonly Uint8Array[]): Uint8Array =>
  parts.length === 0 ? EMPTY_ROOT : parts.reduceRight((right, left) => hashNode(left, right));

/** The largest power of two strictly below `n`, for n ≥ 2. */
const splitPoint = (n: number): number => {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
};

/** The perfect subtrees, as [height, index], that [start, end) consists of. `start` is a multiple of a power of two ≥ end − start. */
const perfectParts = (start: number, end: number): [height: number, index: number][] => {
  const parts: [number, number][] = [];
  let from = start;
  while (from < end) {
    let height = 0;
    let width = 1;
    while (width * 2 <= end - from) {
      width *= 2;
      height += 1;
    }
    parts.push([height, from / width]);
    from += width;
  }
  return parts;
};

const rangeRoot = (start: number, end: number, node: NodeReader): Uint8Array =>
  foldRight(perfectParts(start, end).map(([height, index]) => node(height, index)));

export const treeRoot = (size: number, node: NodeReader): Uint8Array => rangeRoot(0, size, node);

const assertSize = (value: number, name: string): void => {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${name} is not a size of a log`);
};

/** RFC 6962 §2.1.1: from the leaf's sibling up. Throws RangeError unless index < size. */
export const inclusionProof = (index: number, size: number, node: NodeReader): Uint8Array[] => {
  assertSize(index, 'the index');
  assertSize(size, 'the size');
  if (index >= size) throw new RangeError('the index lies outside the tree');
  const proof: Uint8Array[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + splitPoint(end - start);
    if (index < middle) {
      proof.unshift(rangeRoot(middle, end, node));
      end = middle;
    } else {
      proof.unshift(rangeRoot(start, middle, node));
      start = middle;
    }
  }
  return proof;
};

/** RFC 6962 §2.1.2: that the first `from` leaves of the tree of `to` leaves are the tree of `from` leaves. */
export const consistencyProof = (from: number, to: number, node: NodeReader): Uint8Array[] => {
  assertSize(from, 'the older size');
  assertSize(to, 'the newer size');
  if (from > to) throw new RangeError('the older tree is larger than the newer one');
  if (from === 0 || from === to) return [];
  const proof: Uint8Array[] = [];
  let start = 0;
  let end = to;
  while (from !== end) {
    const middle = start + splitPoint(end - start);
    if (from <= middle) {
      proof.unshift(rangeRoot(middle, end, node));
      end = middle;
    } else {
      proof.unshift(rangeRoot(start, middle, node));
      start = middle;
    }
  }
  // The verifier holds the older root; it needs this node only where the root is more than this node.
  if (start > 0) proof.unshift(rangeRoot(start, end, node));
  return proof;
};

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

const areHashes = (hashes: readonly Uint8Array[]): boolean => hashes.every((one) => one.length === HASH_BYTES);

const isSize = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/** How many hashes an inclusion proof has: one for each step up at which there is a sibling. */
const inclusionLength = (index: number, size: number): number => {
  let length = 0;
  let at = index;
  for (let last = size - 1; last > 0; last = Math.floor(last / 2)) {
    if (at % 2 === 1 || at < last) length += 1;
    at = Math.floor(at / 2);
  }
  return length;
};

export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** RFC 9162 §2.1.3.2. False for anything that is not exactly the proof, lengths first. */
export const verifyInclusion = ({ index, size, leafHash, root, proof }: InclusionClaim): boolean => {
  if (!isSize(index) || !isSize(size) || index >= size) return false;
  if (!areHashes([leafHash, root, ...proof]) || proof.length !== inclusionLength(index, size)) return false;
  let node = leafHash;
  let at = index;
  let last = size - 1;
  for (const sibling of proof) {
    // On the right border a node without a sibling goes up unchanged.
    while (at % 2 === 0 && at === last) {
      at /= 2;
      last /= 2;
    }
    node = at % 2 === 1 ? hashNode(sibling, node) : hashNode(node, sibling);
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return equal(node, root);
};

export interface ConsistencyClaim {
  readonly from: number;
  readonly to: number;
  readonly fromRoot: Uint8Array;
  readonly toRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

const verifyTrivialConsistency = ({ from, fromRoot, toRoot, proof }: ConsistencyClaim): boolean =>
  proof.length === 0 && equal(fromRoot, from === 0 ? EMPTY_ROOT : toRoot);

/** RFC 9162 §2.1.4.2, with the cases 0 and equal sizes, on which libraries differ, decided here: both need an empty proof. */
export const verifyConsistency = (claim: ConsistencyClaim): boolean => {
  const { from, to, fromRoot, toRoot, proof } = claim;
  if (!isSize(from) || !isSize(to) || from > to || !areHashes([fromRoot, toRoot, ...proof])) return false;
  if (from === to && from === 0 && !equal(toRoot, EMPTY_ROOT)) return false;
  if (from === 0 || from === to) return verifyTrivialConsistency(claim);
  let at = from - 1;
  let last = to - 1;
  while (at % 2 === 1) {
    at = (at - 1) / 2;
    last = Math.floor(last / 2);
  }
  // The older tree is one perfect subtree exactly when nothing is left of it: then the proof leaves its root out.
  const [seed, ...path] = at === 0 ? [fromRoot, ...proof] : proof;
  if (seed === undefined || path.length !== inclusionLength(at, last + 1)) return false;
  let older = seed;
  let newer = seed;
  for (const sibling of path) {
    while (at % 2 === 0 && at === last) {
      at /= 2;
      last /= 2;
    }
    if (at % 2 === 1) {
      older = hashNode(sibling, older);
      newer = hashNode(sibling, newer);
    } else {
      newer = hashNode(newer, sibling);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return equal(older, fromRoot) && equal(newer, toRoot);
};
