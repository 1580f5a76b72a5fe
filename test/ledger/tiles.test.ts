import { hash } from 'node:crypto';
import { hashLeaf } from '../../src/domain/merkle.ts';
import type { Tile } from '../../src/ledger/store.ts';
import { nodesFromTiles, TiledTree } from '../../src/ledger/tiles.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A store of tiles that takes only longer rows, as the real one does. */
class Rows {
  readonly held = new Map<string, Uint8Array>();

  readonly tile = (level: number, n: number): Uint8Array | undefined => this.held.get(`${level}/${n}`);

  put(tiles: readonly Tile[]): void {
    for (const { level, n, hashes } of tiles) {
      const before = this.tile(level, n) ?? new Uint8Array(0);
      expect(hex(hashes.subarray(0, before.length))).toBe(hex(before));
      this.held.set(`${level}/${n}`, Uint8Array.from(hashes));
    }
  }
}

const told = ({ level, n, hashes }: Tile): string => `${level}/${n} ${hash('sha256', hashes)}`;

const grow = (tree: TiledTree, from: number, to: number): void => {
  for (let index = from; index < to; index++) tree.append(hashLeaf(Buffer.from(`entry-${index}`)));
};

describe('tiles', () => {
  // transparency-log §17 B, the log of 300 and of 70,000 entries
  test('the right edge of known logs', () => {
    const rows = new Rows();
    const tree = TiledTree.load(0, rows.tile);
    grow(tree, 0, 300);
    rows.put(tree.takeChanged());
    const sum = (level: number, n: number): string => hash('sha256', rows.tile(level, n) ?? Buffer.alloc(0));
    expect(sum(0, 0)).toBe('8921c57d2f65271c82bf0f686c002793863c80c8d1cbbbf5db6046ff59e8b590');
    expect(sum(0, 1)).toBe('7bac48c6f72db216f103763f08f639e038a4097f2763009eb3cf2bb457280832');
    expect(sum(1, 0)).toBe('0dbddfec97fdc03a63eca701dce6bc0a6493d5d938070377900a6529cc71a448');
    grow(tree, 300, 70_000);
    rows.put(tree.takeChanged());
    expect(rows.held.size).toBe(277);
    expect(sum(0, 273)).toBe('41c090f240cc1bbcec93391099da9f3bde6e87927975e789b8f7794061b27f1d');
    expect(sum(1, 1)).toBe('e7be92bf44b56bfc274e384835c09a9b949542f7ef3bed21a46195a871173926');
    expect(sum(2, 0)).toBe('a39abb517974ee0fe428abf332453555ac40e6bdf705bb4a4bf919dfa6b3b24c');
    expect(hex(tree.root())).toBe('a62a54be33294ffd5a5c4c637fd754630b71a892e8356e3a666a5c8a7ffd1518');
  });

  test('a tree that is loaded at any size goes on as the one that grew', () => {
    const rows = new Rows();
    const grown = TiledTree.load(0, rows.tile);
    for (let size = 0; size < 600; size++) {
      const loaded = TiledTree.load(size, rows.tile);
      expect(hex(loaded.root())).toBe(hex(grown.root()));
      grow(grown, size, size + 1);
      grow(loaded, size, size + 1);
      const changed = grown.takeChanged();
      expect(loaded.takeChanged().map(told)).toEqual(changed.map(told));
      rows.put(changed);
    }
  });

  test('a tile that is missing or too short is told by its name', () => {
    const rows = new Rows();
    rows.held.set('0/0', new Uint8Array(64));
    const node = nodesFromTiles(rows.tile);
    expect(() => node(0, 2)).toThrow('tile 0/0');
    expect(() => node(8, 0)).toThrow('tile 1/0');
    expect(() => TiledTree.load(3, rows.tile)).toThrow('tile 0/0');
  });
});
