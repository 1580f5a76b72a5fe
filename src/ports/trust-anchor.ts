/** What an operator configured a node to trust first, before it learned anything from its server (DEC-18). */
export interface TrustAnchor {
  /**
   * SHA-256 of the configuration, hexadecimal: another one ends what was learned under this. Absent when nothing is configured:
   * what was learned under whatever there was before goes on.
   */
  readonly id?: string;
  /** The authorities in DER, at least one. Refuses with `unavailable` when they cannot be had now. */
  load(): Promise<readonly Uint8Array[]>;
}
