import type { MessagePort } from 'node:worker_threads';
import type { AppendMessage } from '../../ledger/pool.ts';
import type { EpochOpening } from '../../ledger/open-epoch.ts';
import type { LogHead } from '../../ports/ledger.ts';
import type { Answer } from '../../ledger/sequencer.ts';
import type { Retention } from './purge.ts';

/** Where a test stops the writer or slows it down; set through composition only, never from outside (TL-8, TL-17). */
export interface Failpoint {
  readonly name: 'before-commit' | 'after-commit';
  readonly action: 'kill' | 'delay' | 'throw';
  /** Commits that pass before it acts; then it acts at each. */
  readonly after?: number;
  readonly delayMs?: number;
}

/** What the writer's thread is started with. */
export interface WriterOptions {
  readonly dataDir: string;
  readonly migrationsDir: string;
  readonly trustDomain: string;
  /** Wall time at start, and random octets for a new log's id: the thread has neither clock nor source of its own. */
  readonly now: number;
  readonly seed: Uint8Array;
  /** The memory of a `ChangeMark`. */
  readonly changes: SharedArrayBuffer;
  readonly head?: LogHead;
  readonly retention: Retention;
  readonly failpoint?: Failpoint;
  /** Makes the disk full for tests. */
  readonly maxPages?: number;
}

export interface PurgeCounts {
  readonly credentials: number;
  readonly openings: number;
  readonly spent: number;
  readonly attestations: number;
  readonly joinTokens: number;
  readonly decisions: number;
  readonly revocations: number;
}

/** Work that is not an append. */
export type ChoreRequest =
  | { readonly chore: 'probe'; readonly now: number }
  | { readonly chore: 'purge'; readonly now: number }
  | { readonly chore: 'checkpoint' }
  /** For a store that takes no facts: it takes them again, in the epoch that this opens (DEC-10). */
  | { readonly chore: 'open-epoch'; readonly opening: EpochOpening; readonly seed: Uint8Array }
  | { readonly chore: 'close' };

export type ControlMessage =
  | { readonly kind: 'connect'; readonly port: MessagePort }
  | ({ readonly kind: 'chore'; readonly id: number } & ChoreRequest);

export type WriterMessage =
  | { readonly kind: 'ready' }
  /** The store takes no facts: from the start on (then it comes before `ready`), or from now on. */
  | { readonly kind: 'read-only'; readonly reason: string }
  /** The store does not open; the message is for the operator, the code that of SQLite or the system, if one of them failed. */
  | { readonly kind: 'refused'; readonly message: string; readonly code?: string }
  | { readonly kind: 'done'; readonly id: number; readonly purged?: PurgeCounts };

/** On a front end's port. */
export type ToWriter = AppendMessage;
export type FromWriter = readonly Answer[];
