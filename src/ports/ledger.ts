import type { Denied, Fact } from '../domain/fact.ts';
import type { Instant } from '../domain/instant.ts';
import type { RefusalCode } from '../domain/refusal.ts';

/** A place in the log. An index means nothing without its epoch. */
export interface Cursor {
  readonly epoch: number;
  readonly index: number;
}

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

export type Appended =
  /** Durable. `index` is that of the first fact. */
  | { readonly status: 'committed'; readonly epoch: number; readonly index: number; readonly time: Instant }
  /** Something leaned on has a newer revision; nothing was recorded: decide again. */
  | { readonly status: 'changed'; readonly what: 'entry' | 'resource' | 'authority' }
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

/** That the log went on elsewhere, in words for the operator, and the newest epoch that is known of. */
export interface KnownElsewhere {
  readonly reason: string;
  readonly epoch: number;
}

/** The way to a store that takes no more writes (DEC-11). */
export interface WriteStop {
  /**
   * Always rejects, with `Refusal('read_only')`, once nothing more is admitted; that is durable, and holds until an operator
   * opens a new epoch (DEC-10).
   */
  stopWrites(known: KnownElsewhere): Promise<never>;
}
