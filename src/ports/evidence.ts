/** What a node shows to become an agent. */
export interface EvidenceSource {
  /** As the server names its attestor: `join_token`, `x509pop`, `oidc`. */
  readonly type: string;
  /** The server's nonce is asked for first (DEC-15). */
  readonly challenged: boolean;
  /**
   * The evidence as it is now, read anew each time. `message` is what a key has to sign: nonce ‖ SHA-256(CSR). Refuses with
   * `unavailable` what cannot be read; the text says which file and what to do, never what is in it.
   */
  collect(message: Uint8Array): Promise<Readonly<Record<string, unknown>>>;
}
