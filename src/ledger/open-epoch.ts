import type { EpochOpened, Fact } from '../domain/fact.ts';
import type { Instant } from '../domain/instant.ts';
import { hashLeaf } from '../domain/merkle.ts';
import { SALT_BYTES, writeFactLeaf } from '../formats/fact-leaf.ts';
import type { Entropy } from '../ports/entropy.ts';
import { Admission } from './admit.ts';
import type { LedgerRecord, LedgerStore, LogState } from './store.ts';
import type { TiledTree } from './tiles.ts';

/** The facts that begin an epoch: `epoch-opened`, and others that hold from its first moment on. */
export interface EpochOpening {
  readonly opened: EpochOpened;
  readonly more: readonly Fact[];
  readonly now: Instant;
}

/** The very first fact of a log. */
export const firstEpoch = ({ trustDomain, logId, epoch, time }: LogState): EpochOpening => ({
  opened: { kind: 'epoch-opened', trustDomain, logId, epoch },
  more: [],
  now: time,
});

/**
 * Opens an epoch in one transaction: the first of a new log, or a later one that continues the tree as it stands. Throws when
 * one of the other facts is not admitted; an `epoch-opened` fact is the only one that does not go through admission.
 */
export const openEpoch = (
  store: LedgerStore,
  before: LogState,
  tree: TiledTree,
  { opened, more, now }: EpochOpening,
  entropy: Entropy,
): LogState => {
  const { epoch } = opened;
  if (before.size === 0 ? epoch !== before.epoch : epoch <= before.epoch)
    throw new Error(`epoch ${epoch} is open already`);
  const time = Math.max(before.time, now) as Instant;
  store.begin();
  const verdict = new Admission(store.admission).consider({ facts: more }, { index: before.size + 1, time }, entropy);
  if (verdict.status !== 'admitted') throw new Error(`what an epoch opens with is not admitted: ${verdict.status}`);
  const records: LedgerRecord[] = [opened, ...verdict.facts].map((fact, at) => {
    const leaf = writeFactLeaf(fact, time, entropy.bytes(SALT_BYTES));
    tree.append(hashLeaf(leaf.leaf));
    return { ...leaf, index: before.size + at, time, fact };
  });
  const after = { ...before, epoch, size: tree.size, root: tree.root(), time };
  store.commit({ before, after, records, tiles: tree.takeChanged() });
  return after;
};
