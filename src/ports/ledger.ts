import type { Denied, Fact } from '../domain/fact.ts';
import type { Instant } from '../domain/instant.ts';
import type { RefusalCode } from '../domain/refusal.ts';

/** How far a log has come. */
export interface LogHead {
  readonly logId: string;
  readonly epoch: number;
  readonly size: number;
  /** Hexadecimal. */
  readonly root: string;
}

/** Facts that stand or fall together and get adjacent indexes. */
export interface Append {
  readonly facts: readonly Fact[];
  /** Recorded in place of `facts` if the sequencer refuses them; its `code` and `reason` are replaced by the sequencer's. */
  readonly denial?: Denied;
}

/** What may have changed between a decision and its record. */
export type Changeable = 'entry' | 'resource' | 'authority';

export type Appended =
  /** Durable. `index` is that of the first fact. */
  | { readonly status: 'committed'; readonly epoch: number; readonly index: number; readonly time: Instant }
  /** Something that the facts lean on has changed since it was read; nothing was recorded: decide again. */
  | { readonly status: 'changed'; readonly what: Changeable }
  /** Refused for good; the denial, if one was given, is durable. */
  | { readonly status: 'refused'; readonly code: RefusalCode; readonly reason: string };

/** The one write path. */
export interface Ledger {
  /**
   * Resolves after the facts' transaction is durable (fsync), never before. Rejects with `Refusal('busy')` when too many
   * wait, `Refusal('read_only')` when the store takes no writes; any other rejection means that the outcome is unknown.
   */
  append(append: Append): Promise<Appended>;
}

/** Why this store must not be written to: the log is known to have gone on elsewhere. `epoch` is the newest one known. */
export interface KnownElsewhere {
  readonly reason: string;
  readonly epoch: number;
}

/** Makes a store read-only (DEC-11). */
export interface WriteStop {
  /**
   * Stops all writes, durably, until an operator opens a new epoch (DEC-10). Always rejects, as every write does from then on:
   * with `Refusal('read_only')`.
   */
  stopWrites(known: KnownElsewhere): Promise<never>;
}
