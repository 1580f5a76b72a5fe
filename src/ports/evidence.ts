/** What a node shows to become an agent. */
export interface EvidenceSource {
  /** As the server names its attestor: `join_token`, `x509pop`, `oidc`. */
  readonly type: string;
  /** The server's nonce is asked for first (DEC-15). */
  readonly challenged: boolean;
  /**
   * Reads the evidence anew at each call. `message` is what a key of the evidence has to sign: nonce ‖ SHA-256(CSR). Refuses
   * with `unavailable` when something cannot be read; the text names the file and the remedy, never the content.
   */
  collect(message: Uint8Array): Promise<Readonly<Record<string, unknown>>>;
}
