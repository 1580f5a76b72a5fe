import { HASH_BYTES, hashNode, MerkleEdge } from '../domain/merkle.ts';
import type { NodeReader } from '../domain/merkle.ts';
import type { Tile } from './store.ts';

/** tlog-tiles v0.1.0: a tile holds 256 hashes, and is eight levels of the tree high. */
export const TILE_WIDTH = 256;
const TILE_HEIGHT = 8;
const TILE_BYTES = TILE_WIDTH * HASH_BYTES;

/** The hashes of a tile as stored; they may be fewer than 256 at the right edge. */
export type TileReader = (level: number, n: number) => Uint8Array | undefined;

/** Reads any node of the tree from stored tiles. Throws when a tile is missing or too short: the store is damaged. */
export const nodesFromTiles =
  (tile: TileReader): NodeReader =>
  (height, index) => {
    const level = Math.floor(height / TILE_HEIGHT);
    const width = 2 ** (height % TILE_HEIGHT);
    const first = index * width;
    const n = Math.floor(first / TILE_WIDTH);
    const hashes = tile(level, n);
    const start = (first % TILE_WIDTH) * HASH_BYTES;
    if (!hashes || hashes.length < start + width * HASH_BYTES) {
      throw new Error(`tile ${level}/${n} of the log is missing or too short`);
    }
    return foldPerfect(hashes, start, width);
  };

const foldPerfect = (hashes: Uint8Array, start: number, width: number): Uint8Array => {
  if (width === 1) return hashes.slice(start, start + HASH_BYTES);
  const half = width / 2;
  return hashNode(foldPerfect(hashes, start, half), foldPerfect(hashes, start + half * HASH_BYTES, half));
};

/** How many hashes the last tile of a level holds in a tree of `size`: 0 to 255. */
const partialWidth = (size: number, level: number): number => Math.floor(size / TILE_WIDTH ** level) % TILE_WIDTH;

/** The growing tree together with the tiles of its right edge. */
export class TiledTree {
  readonly #edge: MerkleEdge;
  /** One open tile for each level, in a buffer of full length. */
  readonly #open: { n: number; width: number; readonly hashes: Uint8Array }[] = [];
  #full: Tile[] = [];
  readonly #touched = new Set<number>();

  private constructor(edge: MerkleEdge) {
    this.#edge = edge;
  }

  /** Throws when the tiles do not reach to `size`. */
  static load(size: number, tile: TileReader): TiledTree {
    const tree = new TiledTree(MerkleEdge.load(size, nodesFromTiles(tile)));
    for (let level = 0; TILE_WIDTH ** level <= size; level++) {
      const n = Math.floor(size / TILE_WIDTH ** (level + 1));
      const width = partialWidth(size, level);
      const stored = width === 0 ? new Uint8Array(0) : tile(level, n);
      if (!stored || stored.length < width * HASH_BYTES) throw new Error(`tile ${level}/${n} of the log is missing`);
      const open = tree.#openAt(level);
      open.n = n;
      open.width = width;
      open.hashes.set(stored.subarray(0, width * HASH_BYTES));
    }
    return tree;
  }

  get size(): number {
    return this.#edge.size;
  }

  root(): Uint8Array {
    return this.#edge.root();
  }

  append(leafHash: Uint8Array): void {
    this.#edge.append(leafHash, (height, _index, hash) => {
      if (height % TILE_HEIGHT === 0) this.#put(height / TILE_HEIGHT, hash);
    });
  }

  /** The tiles that changed since the last call, each as long as it is now. */
  takeChanged(): Tile[] {
    const changed = this.#full;
    for (const level of this.#touched) {
      const { n, width, hashes } = this.#openAt(level);
      if (width > 0) changed.push({ level, n, hashes: hashes.subarray(0, width * HASH_BYTES) });
    }
    this.#full = [];
    this.#touched.clear();
    return changed;
  }

  #openAt(level: number): { n: number; width: number; readonly hashes: Uint8Array } {
    const held = this.#open[level];
    if (held) return held;
    const opened = { n: 0, width: 0, hashes: new Uint8Array(TILE_BYTES) };
    this.#open[level] = opened;
    return opened;
  }

  #put(level: number, hash: Uint8Array): void {
    const open = this.#openAt(level);
    open.hashes.set(hash, open.width * HASH_BYTES);
    open.width += 1;
    this.#touched.add(level);
    if (open.width < TILE_WIDTH) return;
    this.#full.push({ level, n: open.n, hashes: open.hashes.slice() });
    open.n += 1;
    open.width = 0;
  }
}
