/** Cryptographically strong random octets. */
export interface Entropy {
  bytes(count: number): Uint8Array;
}
