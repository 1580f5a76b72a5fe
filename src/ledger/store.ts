import type { Fact } from '../domain/fact.ts';
import type { Instant } from '../domain/instant.ts';
import type { FactLeaf } from '../formats/fact-leaf.ts';
import type { AdmissionReader } from './admission-reader.ts';

/** The committed head of the log. `time` is ledger time: it never goes back. */
export interface LogState {
  readonly logId: string;
  readonly trustDomain: string;
  readonly epoch: number;
  readonly size: number;
  readonly root: Uint8Array;
  readonly time: Instant;
}

export interface LedgerRecord extends FactLeaf {
  readonly index: number;
  readonly time: Instant;
  readonly fact: Fact;
}

/** A tile as it stands after the batch: `hashes` extends what the store holds. */
export interface Tile {
  readonly level: number;
  readonly n: number;
  readonly hashes: Uint8Array;
}

export interface Batch {
  readonly before: LogState;
  readonly after: LogState;
  readonly records: readonly LedgerRecord[];
  readonly tiles: readonly Tile[];
}

/** The writer's side of a store. */
export interface LedgerStore {
  readonly admission: AdmissionReader;
  /** Opens the transaction in which a batch is admitted; `commit` or `abandon` ends it. */
  begin(): void;
  /** There was nothing to record. */
  abandon(): void;
  /**
   * Writes the batch in the open transaction, and returns when it is durable. It succeeds only if the head is still `before`
   * (compare-and-swap on size and root). After a throw the outcome is unknown: the process must end, and recover at the next
   * start (DEC-8).
   */
  commit(batch: Batch): void;
  /** Whether an error came from the storage itself, and not from what was asked of it: then the process must end too. */
  isFailure(error: unknown): boolean;
}
