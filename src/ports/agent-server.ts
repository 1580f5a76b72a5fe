import type { Cursor } from '../domain/cursor.ts';
import type { AgentMessage, ServerMessage } from '../formats/sync-message.ts';

/**
 * The server as an agent sees it. Every method rejects with the server's own refusal (same code, same `retryAfter`), and with
 * `Refusal('unavailable')` when nobody answered in time who proves under the current bundle to be the trust domain's
 * `/mayfly/server` (DEC-18).
 */
export interface AgentServer {
  /** `POST /v1/attest`. Without a client certificate. */
  attest(request: AgentEvidence): Promise<IssuedIdentity>;
  /** `POST /v1/attest/challenge`: the nonce to sign (DEC-15). */
  challenge(): Promise<Uint8Array>;
  /** `POST /v1/svids/x509` without an entry: the agent's own next SVID. */
  renew(csr: Uint8Array): Promise<IssuedSvid>;
  /** `POST /v1/svids/x509`: at most 100 at once; answers in order. */
  x509Svids(items: readonly X509Item[]): Promise<readonly Answered<IssuedSvid>[]>;
  /** `POST /v1/svids/jwt`: at most 100 at once; answers in order. */
  jwtSvids(items: readonly JwtItem[]): Promise<readonly Answered<IssuedToken>[]>;
  /** `POST /v1/hello` (DEC-11): gives the head to remember, an opaque JSON text, and whether everything must be synced anew. */
  hello(remembered: string | undefined): Promise<{ readonly head: string; readonly resync: boolean }>;
  /** `GET /v1/sync`: resolves once the stream is open. Without `after` the server sends everything. */
  sync(after: Cursor | undefined, signal: AbortSignal): Promise<SyncStream>;
}

export interface AgentEvidence {
  readonly type: string;
  readonly evidence: Readonly<Record<string, unknown>>;
  /** DER. */
  readonly csr: Uint8Array;
  readonly challenge?: Uint8Array;
  /** DER of the SPKI and a signature over the SHA-256 of the CSR (DEC-13). */
  readonly nodeKey?: { readonly spki: Uint8Array; readonly signature: Uint8Array };
}

/** Times in Unix seconds; `chain` in DER, leaf first, without the root. */
export interface IssuedSvid {
  readonly spiffeId: string;
  readonly serial: string;
  readonly chain: readonly Uint8Array[];
  readonly notBefore: number;
  readonly notAfter: number;
  readonly ledger: Cursor;
}

export interface IssuedIdentity extends IssuedSvid {
  readonly role: 'agent' | 'workload';
}

export interface IssuedToken {
  readonly spiffeId: string;
  readonly jti: string;
  readonly token: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly ledger: Cursor;
}

export interface X509Item {
  readonly entryId: string;
  readonly csr: Uint8Array;
}

export interface JwtItem {
  readonly entryId: string;
  readonly audience: readonly string[];
}

/** What became of one item of a call: its value, or why it was refused. A call of one item is answered in the same form. */
export type Answered<T> =
  | { readonly value: T }
  | { readonly refused: { readonly code: string; readonly detail: string; readonly decision?: string } };

/** The open feed. It ends when the server ends it, the connection breaks or the signal aborts. */
export interface SyncStream extends AsyncIterable<ServerMessage> {
  /** False when too much waits to be sent already; the message was dropped. */
  say(message: AgentMessage): boolean;
  /** Sends a last message and closes. Resolves once the message has left, or cannot be sent. */
  leave(message: AgentMessage): Promise<void>;
  close(): void;
}
