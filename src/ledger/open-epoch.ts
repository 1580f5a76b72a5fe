import { hashLeaf } from '../domain/merkle.ts';
import { SALT_BYTES, writeFactLeaf } from '../formats/fact-leaf.ts';
import type { Fact } from '../domain/fact.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { LedgerStore, LogState } from './store.ts';
import type { TiledTree } from './tiles.ts';

/** Writes the first fact of a log whose size is 0. The only fact that does not pass admission. */
export const openEpoch = (store: LedgerStore, before: LogState, tree: TiledTree, entropy: Entropy): LogState => {
  if (before.size !== 0) throw new Error('the epoch is open already');
  const { trustDomain, logId, epoch, time } = before;
  const fact: Fact = { kind: 'epoch-opened', trustDomain, logId, epoch };
  const leaf = writeFactLeaf(fact, time, entropy.bytes(SALT_BYTES));
  tree.append(hashLeaf(leaf.leaf));
  const after = { ...before, size: 1, root: tree.root() };
  store.begin();
  store.commit({ before, after, records: [{ ...leaf, index: 0, time, fact }], tiles: tree.takeChanged() });
  return after;
};
