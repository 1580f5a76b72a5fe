import type { Cursor } from '../domain/cursor.ts';
import type { SyncBundleMessage, SyncEntries, SyncRevocations } from '../formats/sync-message.ts';

/**
 * Takes what the server sends. Everything between `begin` and `commit` comes into force at once with `commit`, and not before.
 * No method may throw, and none is called while a `commit` runs.
 */
export interface SyncSink {
  /** The cursor of what is in force; undefined before the first `commit`. */
  held(): Cursor | undefined;
  /** Parts follow; what was not committed is dropped. With `reset` they replace everything that is in force. */
  begin(reset: boolean): void;
  entries(message: SyncEntries): void;
  revocations(message: SyncRevocations): void;
  bundle(message: SyncBundleMessage): void;
  /**
   * Puts what was sent in force; once this resolves, the agent acknowledges it. The server sent it at most `age` milliseconds
   * ago.
   */
  commit(cursor: Cursor, age: number): Promise<void> | void;
  /**
   * The server confirmed that what is in force is up to date, at most `age` milliseconds ago. Only called when everything that
   * it sent on this connection is committed.
   */
  heard(age: number): void;
  /** Everything that is held is void. Resolves once nothing of it can come back after a restart. */
  forgetAll(): Promise<void> | void;
  /** Denials that the agent told of are on record. */
  recorded(ids: readonly string[]): void;
  /** The default lives of SVIDs, in seconds, as each connection begins. */
  lives(lives: { readonly x509Ttl: number; readonly jwtTtl: number }): void;
}
