/**
 * Keeps what an agent holds, private keys included, over a restart of the agent. It is encrypted under a key that is stored
 * elsewhere.
 */
export interface HoldingsCache {
  /** What was saved last; undefined when there is nothing, or it cannot be decrypted, which is logged. Never rejects. */
  load(): Promise<Uint8Array | undefined>;
  /** Whole or not at all. Rejects when the disk fails. */
  save(plain: Uint8Array): Promise<void>;
  /** Takes it away. Rejects when the disk fails. */
  clear(): Promise<void>;
}
