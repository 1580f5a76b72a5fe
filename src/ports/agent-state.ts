import type { KeyObject } from 'node:crypto';

/** An agent's own X.509-SVID with its key. */
export interface OwnSvid {
  readonly spiffeId: string;
  readonly serial: string;
  /** DER, leaf first, without the root. */
  readonly chain: readonly Uint8Array[];
  readonly key: KeyObject;
  /** Unix seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** The server saw a clone and renews this SVID no more (DEC-12), so the agent does not ask again. */
  readonly locked?: boolean;
}

/** The authorities that an agent learned from its server. */
export interface LearnedTrust {
  /** The `TrustAnchor.id` under which they were learned; under another one they do not count. */
  readonly anchor: string;
  readonly sequence: number;
  /** DER. */
  readonly x509Authorities: readonly Uint8Array[];
}

/**
 * What an agent keeps over restarts. What a `save` method was given is on disk when it returns. Each throws when the disk
 * fails, and then has changed nothing.
 */
export interface AgentState {
  svid(): OwnSvid | undefined;
  /** The key that the server is about to be asked to certify, kept before it is asked (DEC-12). */
  pendingKey(): KeyObject | undefined;
  /** Proves later that an agent with an expired SVID is the same one (DEC-13). */
  nodeKey(): KeyObject | undefined;
  trust(): LearnedTrust | undefined;
  /** The newest head of the log that the server gave, opaque (DEC-11). */
  head(): string | undefined;
  /** Drops the pending key, too, when the SVID is for that key. */
  saveSvid(svid: OwnSvid): void;
  savePendingKey(key: KeyObject): void;
  saveNodeKey(key: KeyObject): void;
  saveTrust(trust: LearnedTrust): void;
  saveHead(head: string): void;
  /** Deletes the SVID and all keys. Trust and head stay: they are not secret, and they say what the agent has seen. */
  forgetIdentity(): void;
}
