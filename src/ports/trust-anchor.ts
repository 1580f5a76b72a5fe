/** What a node trusts before it has learned anything from its server, as its operator configured it (DEC-18). */
export interface TrustAnchor {
  /**
   * SHA-256 of what is configured, hexadecimal. What was learned under one id does not count under another. Absent when
   * nothing is configured: then whatever was learned before still counts.
   */
  readonly id?: string;
  /** The authorities in DER, at least one. Refuses with `unavailable` when they cannot be had now. */
  load(): Promise<readonly Uint8Array[]>;
}
