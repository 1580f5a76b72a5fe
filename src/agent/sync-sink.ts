import type { SyncBundleMessage, SyncEntries, SyncPlace, SyncRevocations } from '../formats/sync-message.ts';

/**
 * Who holds what the server tells. What is told between `begin` and `commit` holds all at once with `commit`, and not before.
 * No method may throw; nothing else of the sink is called while `commit` runs.
 */
export interface SyncSink {
  /** The place that everything held stands at; undefined while nothing is. */
  held(): SyncPlace | undefined;
  /** Parts follow. What was begun and not committed is dropped. `reset`: they are everything, in place of what is held. */
  begin(reset: boolean): void;
  entries(message: SyncEntries): void;
  revocations(message: SyncRevocations): void;
  bundle(message: SyncBundleMessage): void;
  /** Makes what was told hold. The server is told so once this has resolved. It was told so many milliseconds ago at most. */
  commit(cursor: SyncPlace, age: number): Promise<void> | void;
  /** The server said, so many milliseconds ago at most and on a connection on which all that it told was committed, that nothing else is so. */
  heard(age: number): void;
  /** All that is held is void. Resolves once nothing of it comes back after a restart. */
  forgetAll(): Promise<void> | void;
  /** Denials that the agent told of are on record. */
  recorded(ids: readonly string[]): void;
  /** The default lives of SVIDs, in seconds, as each connection begins. */
  lives(lives: { readonly x509Ttl: number; readonly jwtTtl: number }): void;
}
