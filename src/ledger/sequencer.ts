import type { Instant } from '../domain/instant.ts';
import { hashLeaf } from '../domain/merkle.ts';
import { SALT_BYTES, writeFactLeaf } from '../formats/fact-leaf.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Append, Appended } from '../ports/ledger.ts';
import { Admission } from './admit.ts';
import type { Verdict } from './admit.ts';
import { openEpoch } from './open-epoch.ts';
import type { EpochOpening } from './open-epoch.ts';
import type { LedgerRecord, LedgerStore, LogState } from './store.ts';
import type { TiledTree } from './tiles.ts';

/** How many facts one transaction holds: enough to share an fsync, few enough to answer within milliseconds. */
export const MAX_FLUSH_FACTS = 1024;

/** A group that waits. `now` and `entropy` come from the front end that sent it. */
export interface Waiting {
  readonly append: Append;
  readonly now: Instant;
  readonly entropy: Entropy;
}

/** The answer to one group. `failed`: the group itself is malformed. `read_only`: the store takes no writes. Nothing of it was recorded then. */
export type Answer =
  | Appended
  | { readonly status: 'failed'; readonly message: string }
  | { readonly status: 'read_only'; readonly reason: string };

/** The only writer: decides the order of facts, and makes them durable one batch at a time (design.md §3). */
export class Sequencer {
  readonly #store: LedgerStore;
  readonly #tree: TiledTree;
  #state: LogState;

  constructor(store: LedgerStore, state: LogState, tree: TiledTree) {
    if (tree.size !== state.size) throw new Error('the tree does not have the size of the log');
    this.#store = store;
    this.#state = state;
    this.#tree = tree;
  }

  get state(): LogState {
    return this.#state;
  }

  /** As `openEpoch` does; what is flushed afterwards stands in the new epoch. */
  openEpoch(opening: EpochOpening, entropy: Entropy): void {
    this.#state = openEpoch(this.#store, this.#state, this.#tree, opening, entropy);
  }

  /**
   * Admits or refuses each group in order, commits what is to be recorded in one transaction, and answers each. Takes as
   * many groups from the front of `waiting` as fit in a flush; answers as many. A throw means that the process must end.
   */
  flush(waiting: readonly Waiting[]): Answer[] {
    this.#store.begin();
    const admission = new Admission(this.#store.admission);
    const records: LedgerRecord[] = [];
    const answers: Answer[] = [];
    let time = this.#state.time;
    for (const group of waiting) {
      if (answers.length > 0 && records.length + group.append.facts.length > MAX_FLUSH_FACTS) break;
      // Ledger time only orders: a wall clock that was set back does not move it (DEC-9).
      time = Math.max(time, group.now) as Instant;
      answers.push(this.#sequence(admission, group, time, records));
    }
    this.#commit(records, time);
    return answers;
  }

  #sequence(admission: Admission, { append, entropy }: Waiting, time: Instant, records: LedgerRecord[]): Answer {
    const index = this.#state.size + records.length;
    let verdict: Verdict;
    const group: LedgerRecord[] = [];
    try {
      verdict = admission.consider(append, { index, time }, entropy);
      for (const fact of verdict.facts) {
        const leaf = writeFactLeaf(fact, time, entropy.bytes(SALT_BYTES));
        group.push({ ...leaf, index: index + group.length, time, fact });
      }
    } catch (error) {
      // A store that cannot be read may have lost the transaction: what would follow is no batch any more.
      if (this.#store.isFailure(error)) throw error;
      // A malformed fact is its caller's fault alone; the others in the batch go on.
      admission.drop();
      return { status: 'failed', message: Error.isError(error) ? error.message : 'the fact cannot be recorded' };
    }
    admission.keep();
    records.push(...group);
    if (verdict.status === 'admitted') return { status: 'committed', epoch: this.#state.epoch, index, time };
    if (verdict.status === 'changed') return { status: 'changed', what: verdict.what };
    return { status: 'refused', code: verdict.code, reason: verdict.reason };
  }

  #commit(records: readonly LedgerRecord[], time: Instant): void {
    if (records.length === 0) {
      this.#store.abandon();
      return;
    }
    for (const { leaf } of records) this.#tree.append(hashLeaf(leaf));
    const before = this.#state;
    const after = { ...before, size: this.#tree.size, root: this.#tree.root(), time };
    this.#store.commit({ before, after, records, tiles: this.#tree.takeChanged() });
    this.#state = after;
  }
}
