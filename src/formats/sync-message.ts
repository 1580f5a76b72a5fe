import type { Cursor } from '../domain/cursor.ts';
import type { Predicate, RevocationTarget } from '../domain/revocation.ts';

/**
 * What server and agent say to each other on `GET /v1/sync`, one JSON object a line (DEC-35). The connection is upgraded
 * (`Upgrade: mayfly-sync`), so that the agent's words travel on it too.
 *
 * A state is told in parts: `reset`, if it is a whole one, then any number of `entries`, `revocations` and `bundle`, then one
 * `cursor`. The agent holds what it had until the `cursor` comes, applies all of it at once, and acknowledges. Changes
 * later come the same way, without `reset`. Members that a reader does not know are left aside, types of messages too, so that
 * versions N and N−1 get on.
 */
export type ServerMessage =
  | SyncWelcome
  | SyncReset
  | SyncEntries
  | SyncRevocations
  | SyncBundleMessage
  | SyncCursor
  | SyncHeartbeat
  | SyncRecorded
  | SyncBye;

export type AgentMessage = SyncAck | SyncDenials | SyncResync;

/** First of all. Durations in seconds. */
export interface SyncWelcome {
  readonly type: 'welcome';
  readonly version: 1;
  /** Something is said at least this often. */
  readonly heartbeat: number;
  /** Nothing said for so long: the connection is gone (DEC-36). */
  readonly lease: number;
  readonly x509Ttl: number;
  readonly jwtTtl: number;
  /** As with heartbeats: what they count from. */
  readonly elapsed?: number;
}

/** What follows is everything, whatever was said before. */
export interface SyncReset {
  readonly type: 'reset';
}

/** The entry as far as an agent needs it. Times in seconds, `createdAt` in Unix milliseconds. */
export interface SyncEntry {
  readonly id: string;
  readonly revision: number;
  readonly spiffeId: string;
  readonly selectors: readonly string[];
  readonly createdAt: number;
  readonly x509Ttl?: number;
  readonly jwtTtl?: number;
  readonly dnsNames?: readonly string[];
  readonly commonName?: string;
  readonly hint?: string;
  readonly federatesWith?: readonly string[];
  readonly expiresAt?: number;
}

/** Entries that are the agent's now, and ids that are not, whether they ever were. */
export interface SyncEntries {
  readonly type: 'entries';
  readonly entries: readonly SyncEntry[];
  readonly removed: readonly string[];
}

export interface SyncRevocation {
  readonly id: string;
  readonly target: RevocationTarget;
  readonly predicates: readonly Predicate[];
  readonly index: number;
}

/** Revocations that touch what the agent holds or may ask for. One that stands already is replaced. */
export interface SyncRevocations {
  readonly type: 'revocations';
  readonly revocations: readonly SyncRevocation[];
  readonly removed: readonly string[];
}

/** Who may sign for the trust domain. */
export interface SyncBundle {
  readonly trustDomain: string;
  readonly sequence: number;
  /** Base64 of the DER, prepared ones too. */
  readonly x509Authorities: readonly string[];
  /** Public JWKs of JWT-SVID keys with `kid`, prepared ones too. */
  readonly jwtKeys: readonly Readonly<Record<string, string>>[];
}

export interface SyncBundleMessage {
  readonly type: 'bundle';
  readonly bundle: SyncBundle;
  /** Bundles of other trust domains that entries name, by trust domain; absent until there are any. */
  readonly federated?: readonly SyncBundle[];
  /** Key ids of issuing CAs (the hexadecimal subject key identifier) and of JWT keys that are tainted or revoked: re-issue (DEC-22). */
  readonly tainted: readonly string[];
}

/** All that was said up to here holds from now on, up to this place of the log. */
export interface SyncCursor {
  readonly type: 'cursor';
  readonly cursor: Cursor;
}

export interface SyncHeartbeat {
  readonly type: 'heartbeat';
  /** Unix milliseconds. */
  readonly time: number;
  /**
   * Milliseconds on a clock that nobody sets: what lies between two of them on one connection has passed between the two lines,
   * however late they arrive. Absent from a server that does not tell.
   */
  readonly elapsed?: number;
}

/**
 * Denials that the agent need not tell of again: they are on record, one by one or counted together, or came too late to be.
 */
export interface SyncRecorded {
  readonly type: 'recorded';
  readonly ids: readonly string[];
}

/**
 * The last line. `shutdown` and `overload`: come again. `expired`: come with a newer SVID. `revoked`: what the agent holds is
 * void, and so is its own identity; the connection stays open until the agent has said that it acts by that.
 */
export interface SyncBye {
  readonly type: 'bye';
  readonly reason: 'shutdown' | 'overload' | 'expired' | 'revoked';
  /**
   * Seconds over which those who are told this together are to come back, each at a moment of its own choice. Absent where they
   * are few.
   */
  readonly within?: number;
  /** With `revoked`: how far all is void. The agent acknowledges this place once it has forgotten everything. */
  readonly cursor?: Cursor;
}

/** The agent serves what holds at this place; after `revoked`, nothing. */
export interface SyncAck {
  readonly type: 'ack';
  readonly cursor: Cursor;
}

/** A caller of the Workload API that got nothing, for `mayfly explain` (P7). `id` is a record id that the caller was told. */
export interface SyncDenial {
  readonly id: string;
  readonly operation: string;
  readonly reason: string;
  readonly selectors: readonly string[];
  /** What was asked for, such as a SPIFFE ID. */
  readonly spiffeId?: string;
}

export interface SyncDenials {
  readonly type: 'denials';
  readonly denials: readonly SyncDenial[];
}

/** Asks for `reset` and everything, as a net against what both sides missed. */
export interface SyncResync {
  readonly type: 'resync';
}
