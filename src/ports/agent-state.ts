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
  /** The server stopped its renewal, since a clone was seen (DEC-12): it is not asked for again with this SVID. */
  readonly locked?: boolean;
}

/** The authorities that an agent learned from its server. */
export interface LearnedTrust {
  /** SHA-256 of what the operator configured, hexadecimal: with another configuration this counts no more. */
  readonly anchor: string;
  readonly sequence: number;
  /** DER. */
  readonly x509Authorities: readonly Uint8Array[];
}

/**
 * What an agent keeps over restarts. Each `save` is on disk when it returns, whole or not at all; `undefined` takes the thing
 * away. All of them throw when the disk fails; nothing is half changed then.
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
  /** The pending key is done with. */
  saveSvid(svid: OwnSvid): void;
  savePendingKey(key: KeyObject): void;
  saveNodeKey(key: KeyObject): void;
  saveTrust(trust: LearnedTrust): void;
  saveHead(head: string): void;
  /** SVID and all keys are gone. Trust and head stay: they are no secrets, and say what the agent has seen. */
  forgetIdentity(): void;
}
