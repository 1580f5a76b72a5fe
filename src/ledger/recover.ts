import { EMPTY_ROOT, hashLeaf, treeRoot } from '../domain/merkle.ts';
import type { LogHead } from '../ports/ledger.ts';
import { contradiction } from './remembered-head.ts';
import type { LogState } from './store.ts';
import { nodesFromTiles, TiledTree, TILE_WIDTH } from './tiles.ts';
import type { TileReader } from './tiles.ts';

/** The log as the store holds it. */
export interface LogSource {
  readonly tile: TileReader;
  leaf(index: number): Uint8Array | undefined;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const damaged = (what: string): Error => new Error(`the ledger is damaged: ${what}; it is left as it is`);

const checkRoot = (state: LogState, tree: TiledTree): void => {
  if (Buffer.compare(tree.root(), state.root) !== 0)
    throw damaged(`its tiles do not give the root of size ${state.size}`);
};

/** The newest leaves, at most a tile of them: what the last transactions before a crash wrote. */
const checkNewestLeaves = (state: LogState, log: LogSource): void => {
  const node = nodesFromTiles(log.tile);
  for (let index = Math.max(0, state.size - TILE_WIDTH); index < state.size; index++) {
    const leaf = log.leaf(index);
    if (!leaf) throw damaged(`entry ${index} is missing`);
    if (Buffer.compare(hashLeaf(leaf), node(0, index)) !== 0)
      throw damaged(`entry ${index} is not the one in the tree`);
  }
  if (log.leaf(state.size)) throw damaged(`it holds entries above its size ${state.size}`);
};

/** The root that the log had at an earlier size, hexadecimal. Throws beyond its size. */
export const rootAt = (size: number, tile: TileReader): string =>
  hex(size === 0 ? EMPTY_ROOT : treeRoot(size, nodesFromTiles(tile)));

/** Why the store must be read-only according to its head file (DEC-11), if so. Throws when that file is of another log. */
export const headFileContradiction = (
  { logId, epoch, size }: Pick<LogHead, 'logId' | 'epoch' | 'size'>,
  rootAtSize: (size: number) => string,
  head: LogHead,
): string | undefined => {
  if (head.logId !== logId) throw new Error(`the head file is of log ${head.logId}, the store of log ${logId}`);
  return contradiction({ epoch, size, rootAt: rootAtSize }, head, 'the head file');
};

/**
 * The self-check of every start (transparency-log §12): root from the tiles' right edge, newest leaves. Throws with what is
 * wrong; repairs nothing. Returns the tree to go on from.
 */
export const recover = (state: LogState, log: LogSource): TiledTree => {
  let tree: TiledTree;
  try {
    tree = TiledTree.load(state.size, log.tile);
  } catch (error) {
    throw new Error(damaged(Error.isError(error) ? error.message : 'its tiles cannot be read').message, {
      cause: error,
    });
  }
  checkRoot(state, tree);
  checkNewestLeaves(state, log);
  return tree;
};
