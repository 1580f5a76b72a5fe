/**
 * Where an agent keeps what it holds over its own restart, private keys included: what lies there is sealed under a key that lies
 * elsewhere.
 */
export interface HoldingsCache {
  /** What was saved last; nothing when there is none, or when it does not open, of which the operator is warned. Never rejects. */
  load(): Promise<Uint8Array | undefined>;
  /** Whole or not at all. Rejects when the disk fails. */
  save(plain: Uint8Array): Promise<void>;
  /** Takes it away. Rejects when the disk fails. */
  clear(): Promise<void>;
}
