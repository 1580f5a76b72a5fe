/**
 * How many bits each octet takes (RFC 7541 Appendix B). The code is canonical: of two codes the shorter is the smaller
 * one, and among those of one length they go up with the octet, so the lengths alone give all of it.
 */
// biome-ignore format: sixteen in a row, as the octets go
const CODE_LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

/** The end of the text, which no encoder may write (RFC 7541 §5.2). */
const END = 256;
const END_LENGTH = 30;

/** An inner node of the tree has two children; a negative one is the leaf of the octet `-1 - child`. */
type Tree = number[];

const ABSENT = 0;

/** Nodes by twos: that of bit 0, then that of bit 1. The root is node 0, which is nobody's child. */
const buildTree = (): Tree => {
  const lengths = [...CODE_LENGTHS, END_LENGTH];
  const inOrder = lengths.map((length, symbol) => ({ length, symbol }));
  inOrder.sort((a, b) => a.length - b.length || a.symbol - b.symbol);
  const tree: Tree = [ABSENT, ABSENT];
  let code = 0;
  let codeLength = 0;
  for (const { length, symbol } of inOrder) {
    code <<= length - codeLength;
    codeLength = length;
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const place = node * 2 + ((code >>> bit) & 1);
      let child = tree[place] ?? ABSENT;
      if (child === ABSENT) {
        child = tree.length / 2;
        tree.push(ABSENT, ABSENT);
        tree[place] = child;
      }
      node = child;
    }
    tree[node * 2 + (code & 1)] = -1 - symbol;
    code += 1;
  }
  return tree;
};

/** Bits of a step of the machine: the next node in the low byte, the octet above it, then the flags. */
const EMITS = 1 << 16;
const FAILS = 1 << 17;

/** What each node does with each half octet: no code is shorter than five bits, so one step gives one octet at most. */
const buildSteps = (tree: Tree): Int32Array => {
  const steps = new Int32Array((tree.length / 2) * 16);
  for (let at = 0; at < steps.length; at++) {
    let node = at >>> 4;
    let step = 0;
    for (let bit = 3; bit >= 0; bit--) {
      const child = tree[node * 2 + ((at >>> bit) & 1)] ?? ABSENT;
      if (child === -1 - END) step |= FAILS;
      else if (child < 0) step |= EMITS | ((-1 - child) << 8);
      node = child < 0 ? 0 : child;
    }
    steps[at] = step | node;
  }
  return steps;
};

/**
 * Where a text may end: at the root, or on the way to the end symbol, at most seven bits from the root (RFC 7541 §5.2).
 */
const buildEnds = (tree: Tree): Uint8Array => {
  const ends = new Uint8Array(tree.length / 2);
  let node = 0;
  for (let bits = 0; bits <= 7; bits++) {
    ends[node] = 1;
    node = tree[node * 2 + 1] ?? ABSENT;
  }
  return ends;
};

const TREE = buildTree();
const STEPS = buildSteps(TREE);
const ENDS = buildEnds(TREE);

/** How many octets some may decode to: no code is shorter than five bits. */
export const mostHuffmanOctets = (encodedLength: number): number => Math.ceil((encodedLength * 8) / 5);

/**
 * Decodes `encoded[start, end)` into `output`, which has room for `mostHuffmanOctets`. Returns how many octets there
 * are, or -1 where the code is none: the end symbol inside, more than seven bits of padding, or padding that is not all
 * ones.
 */
export const decodeHuffman = (encoded: Uint8Array, start: number, end: number, output: Uint8Array): number => {
  let node = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const octet = encoded[at] ?? 0;
    const high = STEPS[(node << 4) | (octet >>> 4)] ?? FAILS;
    if ((high & EMITS) !== 0) output[length++] = (high >>> 8) & 0xff;
    const low = STEPS[((high & 0xff) << 4) | (octet & 0x0f)] ?? FAILS;
    if ((low & EMITS) !== 0) output[length++] = (low >>> 8) & 0xff;
    if (((high | low) & FAILS) !== 0) return -1;
    node = low & 0xff;
  }
  return ENDS[node] === 1 ? length : -1;
};
