import { hash } from 'node:crypto';
import { assert as assertProperty, nat, property } from 'fast-check';
import {
  consistencyProof,
  EMPTY_ROOT,
  hashLeaf,
  hashNode,
  inclusionProof,
  MerkleEdge,
  treeRoot,
  verifyConsistency,
  verifyInclusion,
} from '../../src/domain/merkle.ts';

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');
const bytes = (text: string): Buffer => Buffer.from(text, 'hex');

/** A tree with all its nodes and the root of each of its sizes. */
const grow = (count: number, leafAt: (index: number) => Uint8Array) => {
  const nodes = new Map<string, Uint8Array>();
  const edge = new MerkleEdge();
  const roots = [edge.root()];
  const leaves: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const leaf = hashLeaf(leafAt(index));
    leaves.push(leaf);
    edge.append(leaf, (height, n, node) => nodes.set(`${height} ${n}`, node));
    if (count <= 1000 || index >= count - 1) roots[index + 1] = edge.root();
  }
  const node = (height: number, n: number): Uint8Array => {
    const found = nodes.get(`${height} ${n}`);
    if (!found) throw new Error(`no node ${height} ${n}`);
    return found;
  };
  return { edge, roots, leaves, node };
};

const CLASSIC = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const CLASSIC_ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const classic = grow(8, (index) => bytes(CLASSIC[index] ?? ''));
const rootOf = (size: number): Uint8Array => classic.roots[size] ?? new Uint8Array(0);

const numbered = grow(70_000, (index) => Buffer.from(`entry-${index}`));
const digest = (proof: readonly Uint8Array[]): string => hash('sha256', Buffer.concat(proof));

describe('hashing', () => {
  // TL-1, vector A
  test('the eight leaves of Certificate Transparency give their known roots', () => {
    expect(classic.roots.map(hex)).toEqual(CLASSIC_ROOTS);
    expect(hex(EMPTY_ROOT)).toBe(CLASSIC_ROOTS[0]);
    expect(hex(classic.leaves[7])).toBe('46f6ffadd3d06a09ff3c5860d2755c8b9819db7df44251788c7d8e3180de8eb1');
  });

  // TL-1, vector B
  test.each([
    [255, '45da9f374748e17a372f71c00422b12e2bf96842f1f61c5740fe494e4becff0f'],
    [256, 'f85f4ead34080710b4d1e808301543aaab81aa04deb88599350dc26a4f2f58de'],
    [257, '918b1cec64f317c76e3cf55c0536841c039eff06772ebb8828ce7c176028b5ac'],
    [300, 'aebb027d5c3dd08871ee52577a61fc83122d0d14352791943639bd4c12d36943'],
    [513, '086688832155761797c0047f40c8f9d84302d9a9af6d2630d890ffb848dd533f'],
    [65_535, 'ef9727904944e47fac4b347c1fb33fceb917dce3d314e2c20b2d0fcfe110c281'],
    [65_537, 'b63007bf60359bdcbc1d1ef1ed256fe359d2b9d15aba68a3cee30a832f40c79e'],
    [70_000, 'a62a54be33294ffd5a5c4c637fd754630b71a892e8356e3a666a5c8a7ffd1518'],
  ])('the root of %i numbered leaves', (size, root) => {
    expect(hex(treeRoot(size, numbered.node))).toBe(root);
  });

  // TL-1
  test('the growing tree agrees with the definition at every size up to 1,000', () => {
    const tree = grow(1000, (index) => Buffer.from([index % 251, index % 7]));
    const define = (leaves: readonly Uint8Array[]): Uint8Array => {
      if (leaves.length < 2) return leaves[0] ?? EMPTY_ROOT;
      let split = 1;
      while (split * 2 < leaves.length) split *= 2;
      return hashNode(define(leaves.slice(0, split)), define(leaves.slice(split)));
    };
    for (const size of [...Array(70).keys(), 127, 128, 129, 255, 256, 257, 511, 512, 513, 999, 1000]) {
      expect(hex(tree.roots[size])).toBe(hex(define(tree.leaves.slice(0, size))));
    }
    for (let size = 0; size <= 1000; size++) expect(hex(treeRoot(size, tree.node))).toBe(hex(tree.roots[size]));
  });

  test('a tree that was loaded goes on like the one that grew', () => {
    for (const size of [0, 1, 2, 3, 255, 256, 257, 65_536]) {
      const loaded = MerkleEdge.load(size, numbered.node);
      loaded.append(numbered.leaves[size] ?? new Uint8Array(32), () => {});
      expect(hex(loaded.root())).toBe(hex(treeRoot(size + 1, numbered.node)));
    }
  });

  test('an entry of no octets is not the empty tree', () => {
    expect(hex(hashLeaf(new Uint8Array(0)))).not.toBe(hex(EMPTY_ROOT));
  });
});

describe('proofs', () => {
  // TL-2, vector A
  test('known proofs come out', () => {
    expect(inclusionProof(3, 8, classic.node).map(hex)).toEqual([
      '0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7',
      CLASSIC_ROOTS[2],
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ]);
    expect(consistencyProof(4, 7, classic.node).map(hex)).toEqual([
      '837dbb152e9b079010717e84e865da4ebc0fa198a806d59d31bf15accef22d0e',
    ]);
    expect(consistencyProof(6, 7, classic.node).map(hex)).toEqual([
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f',
      CLASSIC_ROOTS[4],
    ]);
  });

  // TL-2, vector B
  test.each([
    [0, 257, 9, '4630a55918ddf53072fe1c0aac40fd9b3f7543ca5d4f6861083ff496801bd14b'],
    [255, 300, 9, '6fb34cc5809557e8bf4a7f3326a3089a797a6e14a6970b01ac757301cde2c4aa'],
    [12_345, 70_000, 17, '4122958f72d7aa09dfee580704be8fd216bb327da7bcfbb4e6e30cd39822e8c2'],
    [69_999, 70_000, 9, '0823665d2bcb6ecc221f7bfddd47524152576fb5f5ec0acba4179221171e1d61'],
  ])('inclusion of %i in %i', (index, size, length, sum) => {
    const proof = inclusionProof(index, size, numbered.node);
    expect([proof.length, digest(proof)]).toEqual([length, sum]);
  });

  // TL-2, vector B
  test.each([
    [255, 300, 10, 'bf9e437f7b0ec51db0a03aaa9b298f5378d053efb9f8a52fa3581ef353e3c936'],
    [300, 70_000, 16, '071272953ab3383b8f214779ba263fb9940018708a444c885e2a9f56dac5ac66'],
  ])('consistency of %i with %i', (from, to, length, sum) => {
    const proof = consistencyProof(from, to, numbered.node);
    expect([proof.length, digest(proof)]).toEqual([length, sum]);
  });

  // TL-2: 36 + 45 pairs
  test('all pairs up to 8 verify, and no proof fits another pair', () => {
    for (let size = 1; size <= 8; size++) {
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(index, size, classic.node);
        const claim = { index, size, leafHash: classic.leaves[index] ?? EMPTY_ROOT, root: rootOf(size), proof };
        expect(verifyInclusion(claim)).toBe(true);
        for (let other = 0; other < size; other++) {
          if (other !== index) expect(verifyInclusion({ ...claim, index: other })).toBe(false);
        }
      }
    }
    for (let to = 0; to <= 8; to++) {
      for (let from = 0; from <= to; from++) {
        const proof = consistencyProof(from, to, classic.node);
        const claim = { from, to, fromRoot: rootOf(from), toRoot: rootOf(to), proof };
        expect(verifyConsistency(claim)).toBe(true);
        if (from > 0) expect(verifyConsistency({ ...claim, fromRoot: rootOf(from - 1) })).toBe(false);
      }
    }
  });

  const flipped = (hashed: Uint8Array, bit: number): Uint8Array => {
    const copy = Uint8Array.from(hashed);
    copy[Math.floor(bit / 8)] = (copy[Math.floor(bit / 8)] ?? 0) ^ (1 << (bit % 8));
    return copy;
  };

  /** Every way in which a proof is spoiled a little. */
  const spoiled = (proof: readonly Uint8Array[], at: number, bit: number): Uint8Array[][] => {
    const here = proof[at] ?? EMPTY_ROOT;
    const next = proof[at + 1];
    return [
      proof.with(at, flipped(here, bit)),
      proof.toSpliced(at, 1),
      proof.toSpliced(at, 0, here),
      [...proof, EMPTY_ROOT],
      proof.with(at, here.subarray(1)),
      ...(next ? [proof.toSpliced(at, 2, next, here)] : []),
    ];
  };

  // TL-2
  test('random pairs up to 70,000 verify, and a spoiled proof does not', () => {
    assertProperty(
      property(nat(69_998), nat(69_999), nat(255), (a, b, bit) => {
        const [index, size] = [Math.min(a, b), Math.max(a, b) + 1];
        const root = treeRoot(size, numbered.node);
        const proof = inclusionProof(index, size, numbered.node);
        const claim = { index, size, leafHash: numbered.leaves[index] ?? EMPTY_ROOT, root, proof };
        expect(verifyInclusion(claim)).toBe(true);
        const at = bit % Math.max(1, proof.length);
        if (proof.length > 0) {
          for (const wrong of spoiled(proof, at, bit)) expect(verifyInclusion({ ...claim, proof: wrong })).toBe(false);
        }
        const older = treeRoot(index, numbered.node);
        const steps = consistencyProof(index, size, numbered.node);
        const grown = { from: index, to: size, fromRoot: older, toRoot: root, proof: steps };
        expect(verifyConsistency(grown)).toBe(true);
        const step = bit % Math.max(1, steps.length);
        if (steps.length > 0) {
          for (const wrong of spoiled(steps, step, bit)) {
            expect(verifyConsistency({ ...grown, proof: wrong })).toBe(false);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});

// TL-3: one case for each row of the table of transparency-log §2
describe('edge cases', () => {
  const leafHash = classic.leaves[0] ?? EMPTY_ROOT;
  const other = classic.leaves[1] ?? EMPTY_ROOT;
  const none: Uint8Array[] = [];

  test.each([
    ['nothing is in an empty tree', { index: 0, size: 0, leafHash, root: EMPTY_ROOT, proof: none }],
    ['an index at the size', { index: 8, size: 8, leafHash, root: rootOf(8), proof: none }],
    ['a proof in a tree of one', { index: 0, size: 1, leafHash, root: rootOf(1), proof: [other] }],
    ['another root of one leaf', { index: 0, size: 1, leafHash, root: rootOf(2), proof: none }],
    ['an empty root', { index: 0, size: 1, leafHash, root: new Uint8Array(0), proof: none }],
    ['an empty leaf', { index: 0, size: 1, leafHash: new Uint8Array(0), root: new Uint8Array(0), proof: none }],
    ['a size that is no number of leaves', { index: 0, size: 1.5, leafHash, root: rootOf(1), proof: none }],
    ['a negative index', { index: -1, size: 1, leafHash, root: rootOf(1), proof: none }],
    ['a size beyond 2^53', { index: 0, size: 2 ** 53, leafHash, root: rootOf(1), proof: none }],
  ])('inclusion refuses %s', (_name, claim) => {
    expect(verifyInclusion(claim)).toBe(false);
  });

  test('inclusion in a tree of one needs no proof', () => {
    expect(verifyInclusion({ index: 0, size: 1, leafHash, root: rootOf(1), proof: none })).toBe(true);
  });

  test.each([
    ['equal sizes with other roots', { from: 8, to: 8, fromRoot: rootOf(8), toRoot: rootOf(7), proof: none }],
    ['equal sizes with a proof', { from: 8, to: 8, fromRoot: rootOf(8), toRoot: rootOf(8), proof: [other] }],
    ['size 0 with a proof', { from: 0, to: 8, fromRoot: EMPTY_ROOT, toRoot: rootOf(8), proof: [other] }],
    ['size 0 with a root', { from: 0, to: 8, fromRoot: rootOf(1), toRoot: rootOf(8), proof: none }],
    ['two empty trees with a root', { from: 0, to: 0, fromRoot: EMPTY_ROOT, toRoot: rootOf(1), proof: none }],
    ['a tree that shrinks', { from: 8, to: 7, fromRoot: rootOf(8), toRoot: rootOf(7), proof: none }],
    ['no proof between sizes', { from: 4, to: 8, fromRoot: rootOf(4), toRoot: rootOf(8), proof: none }],
    ['a short hash', { from: 4, to: 8, fromRoot: rootOf(4), toRoot: rootOf(8), proof: [new Uint8Array(31)] }],
  ])('consistency refuses %s', (_name, claim) => {
    expect(verifyConsistency(claim)).toBe(false);
  });

  test('a tree is consistent with itself and with the empty tree', () => {
    expect(verifyConsistency({ from: 8, to: 8, fromRoot: rootOf(8), toRoot: rootOf(8), proof: none })).toBe(true);
    expect(verifyConsistency({ from: 0, to: 8, fromRoot: EMPTY_ROOT, toRoot: rootOf(8), proof: none })).toBe(true);
  });

  test.each([[[8, 8]], [[-1, 8]], [[0, 1.5]]] as const)('no inclusion proof is made for %p', ([index, size]) => {
    expect(() => inclusionProof(index, size, classic.node)).toThrow(RangeError);
  });

  test('no consistency proof is made backwards', () => {
    expect(() => consistencyProof(8, 7, classic.node)).toThrow(RangeError);
  });

  // TL-19
  test.each([2 ** 31 + 5, 2 ** 32 + 1, 2 ** 40 + 3])('indexes above 2^31: %i', (index) => {
    const size = index + 7;
    const node = (height: number, n: number): Uint8Array => hash('sha256', `${height}/${n}`, 'buffer');
    const proof = inclusionProof(index, size, node);
    // Folded by the other formula: inner and border lengths from the binary digits of index and size − 1.
    const digits = (value: number): bigint => BigInt(value);
    const inner = (digits(index) ^ digits(size - 1)).toString(2).length;
    let root: Uint8Array = node(0, index);
    for (const [at, sibling] of proof.entries()) {
      const right = at >= inner || (digits(index) >> BigInt(at)) % 2n === 1n;
      root = right ? hashNode(sibling, root) : hashNode(root, sibling);
    }
    const claim = { index, size, leafHash: node(0, index), root, proof };
    expect(verifyInclusion(claim)).toBe(true);
    expect(verifyInclusion({ ...claim, index: index - 2 ** 31 })).toBe(false);
    expect(verifyInclusion({ ...claim, size: size - 2 ** 31 })).toBe(false);
  });
});
