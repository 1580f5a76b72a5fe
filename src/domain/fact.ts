import type { AuthorityChanged, AuthorityInstalled, AuthorityPrepared, KeysResealed } from './authority-facts.ts';
import type { KeyId } from './authority.ts';
import type { AttestedRole } from './attestation.ts';
import type { Entry, EntryRevision } from './entry.ts';
import type { RecordId } from './record-id.ts';
import type { RefusalCode } from './refusal.ts';
import type { Resource } from './resource.ts';
import type { Predicate, RevocationTarget } from './revocation.ts';
import type { SpiffeId } from './spiffe-id.ts';

export type { AuthorityChanged, AuthorityInstalled, AuthorityPrepared, KeysResealed } from './authority-facts.ts';

/**
 * A fact is one thing that happened and matters. Facts are the only thing that is ever written; every table, bundle and
 * feed is a view of them. Times inside a fact are wall time; its place in the ledger is what orders it.
 */
export type Fact =
  | EpochOpened
  | ServerStarted
  | ServerStopped
  | Attested
  | Decided
  | Issued
  | Denied
  | DenialsAggregated
  | EntryWritten
  | EntryDeleted
  | ResourceWritten
  | ResourceDeleted
  | JoinTokenCreated
  | Revoked
  | RevocationReleased
  | Superseded
  | AgentPurged
  | AuthorityPrepared
  | AuthorityInstalled
  | AuthorityChanged
  | KeysResealed
  | DetailsErased;

export type FactKind = Fact['kind'];

/** The facts of one kind. */
export type FactOf<Kind extends FactKind> = Extract<Fact, { kind: Kind }>;

/** The rules that decide; one version until policy is code. */
export const POLICY_VERSION = 1;

/** What a fact leans on (DEC-4). The sequencer refuses it if any of these was changed, spent, revoked or dropped before. */
export interface Leans {
  /** The credential that the caller showed. */
  readonly caller?: RecordId;
  /** The agent that it comes through. */
  readonly agent?: SpiffeId;
  readonly entry?: EntryRevision;
  /** The agent group that the agent is in, when `entry` hangs under that and not under the agent itself. */
  readonly group?: EntryRevision;
  readonly resource?: { readonly identifier: string; readonly revision: number };
  /** The entry that makes an administrator of whoever wrote the fact. */
  readonly rights?: EntryRevision;
  /** The key that will sign. */
  readonly authority?: KeyId;
  /** SHA-256, hexadecimal, of the evidence. */
  readonly evidence?: string;
  readonly joinToken?: RecordId;
  /** The ledger index of the earlier attestation that the fact rests on: a cutoff since then ends that attestation too. */
  readonly provenAt?: number;
  /** `POLICY_VERSION` of the decision. */
  readonly policy: number;
}

/**
 * Something that may be used once, or by one key only (DEC-12). `key` names it in hexadecimal: a digest, a nonce or a serial.
 * Without `spki` the first use spends it. With it, it belongs to the first public key that used it (SHA-256 of the SPKI,
 * hexadecimal), which may use it again.
 */
export interface Spend {
  readonly kind: 'join-token' | 'evidence' | 'challenge' | 'renewal' | 'assertion';
  readonly key: string;
  readonly spki?: string;
  /** Unix seconds after which the memory may go. */
  readonly until: number;
}

export type CredentialKind = 'x509-svid' | 'jwt-svid' | 'access-token';

/** What the holder of a credential may do here (DEC-14). It is read from the ledger, never from the SPIFFE ID's path. */
export type CredentialRole = 'server' | 'agent' | 'agentless' | 'workload';

/**
 * Opens a log, or its next epoch after a restore (DEC-10). A later epoch continues the tree that the restored store held:
 * what the epoch before had recorded beyond it is lost, and open join tokens are void.
 */
export interface EpochOpened {
  readonly kind: 'epoch-opened';
  readonly trustDomain: string;
  readonly logId: string;
  readonly epoch: number;
  /** The head that it goes on from; absent in the first one. `root` is hexadecimal. */
  readonly previous?: { readonly epoch: number; readonly size: number; readonly root: string };
  /** Why the store was read-only until then. */
  readonly reason?: string;
  readonly by?: string;
}

export interface ServerStarted {
  readonly kind: 'server-started';
  readonly version: string;
  readonly frontEnds: number;
}

export interface ServerStopped {
  readonly kind: 'server-stopped';
}

/** Evidence was accepted. */
export interface Attested {
  readonly kind: 'attested';
  readonly id: RecordId;
  readonly attestor: string;
  readonly role: AttestedRole;
  readonly spiffeId: SpiffeId;
  readonly selectors: readonly string[];
  readonly evidence: string;
  /** SHA-256 of the SPKI that the first credential will carry, hexadecimal. */
  readonly spki: string;
  /** Base64 of the SPKI of an agent's node key (DEC-13). */
  readonly nodeKey?: string;
  /** Unix seconds: no renewal beyond this without new evidence (DEC-14); for an agent, until when its node key counts. */
  readonly renewUntil: number;
  readonly leans: Leans;
  readonly spends: readonly Spend[];
}

/** From evidence to identity: which entry gave which SPIFFE ID. */
export interface Decided {
  readonly kind: 'decided';
  readonly id: RecordId;
  readonly operation: string;
  readonly spiffeId: SpiffeId;
  readonly attestation: RecordId;
  readonly entry?: string;
  readonly leans: Leans;
}

/** The intent to sign: recorded before the signature exists (DEC-3). `digest` is the SHA-256 of the bytes about to be signed. */
export interface Issued {
  readonly kind: 'issued';
  /** Serial or `jti`; also the id of the decision. */
  readonly id: RecordId;
  readonly credential: CredentialKind;
  readonly role: CredentialRole;
  readonly spiffeId: SpiffeId;
  readonly digest: string;
  readonly algorithm: string;
  readonly authority: KeyId;
  /** Unix seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SHA-256 of the SPKI, hexadecimal (X.509-SVID). */
  readonly spki?: string;
  readonly audience?: readonly string[];
  readonly scope?: readonly string[];
  readonly entry?: string;
  readonly agent?: SpiffeId;
  readonly attestation?: RecordId;
  /** The serial that it renews. */
  readonly predecessor?: RecordId;
  readonly leans: Leans;
  readonly spends: readonly Spend[];
}

/** A refusal. `code` is what the caller was told, `reason` what the operator is told; neither holds evidence. */
export interface Denied {
  readonly kind: 'denied';
  readonly id: RecordId;
  readonly operation: string;
  readonly code: RefusalCode;
  readonly reason: string;
  readonly spiffeId?: SpiffeId;
  readonly agent?: SpiffeId;
  readonly caller?: RecordId;
  readonly entry?: string;
  readonly attestor?: string;
  readonly selectors?: readonly string[];
  /** What was asked for, in the terms of the operation (audience, scope, resource). */
  readonly asked?: Readonly<Record<string, string>>;
  /** The network address that asked. */
  readonly source?: string;
}

/** Denials above a source's rate, together (DEC-5). Times in Unix milliseconds. */
export interface DenialsAggregated {
  readonly kind: 'denials-aggregated';
  readonly id: RecordId;
  readonly operation: string;
  readonly reason: string;
  readonly count: number;
  readonly first: number;
  readonly last: number;
  readonly source: string;
}

export interface EntryWritten {
  readonly kind: 'entry-created' | 'entry-updated';
  readonly entry: Entry;
  readonly by: string;
  readonly leans: Leans;
}

export interface EntryDeleted {
  readonly kind: 'entry-deleted';
  readonly id: string;
  readonly spiffeId: SpiffeId;
  readonly by: string;
  readonly leans: Leans;
}

export interface ResourceWritten {
  readonly kind: 'resource-created' | 'resource-updated';
  readonly resource: Resource;
  readonly by: string;
  readonly leans: Leans;
}

export interface ResourceDeleted {
  readonly kind: 'resource-deleted';
  readonly identifier: string;
  readonly by: string;
  readonly leans: Leans;
}

/** The token itself is never written; `hash` is its SHA-256, hexadecimal (DEC-16). */
export interface JoinTokenCreated {
  readonly kind: 'join-token-created';
  readonly id: RecordId;
  readonly hash: string;
  readonly purpose: { readonly agent: SpiffeId | null } | { readonly entry: string };
  /** Unix seconds. */
  readonly expiresAt: number;
  readonly by: string;
}

export interface Revoked {
  readonly kind: 'revoked';
  readonly id: RecordId;
  readonly target: RevocationTarget;
  readonly predicates: readonly Predicate[];
  readonly reason: string;
  readonly by: string;
}

export interface RevocationReleased {
  readonly kind: 'revocation-released';
  readonly id: RecordId;
  readonly by: string;
}

/** A successor was presented: the predecessor is refused from here on (DEC-12). */
export interface Superseded {
  readonly kind: 'superseded';
  readonly predecessor: RecordId;
  readonly successor: RecordId;
}

/** An agent whose SVID and node key have both ended is no longer listed. It is named by its attestation: one that attests again stays. */
export interface AgentPurged {
  readonly kind: 'agent-purged';
  readonly agent: SpiffeId;
  readonly attestation: RecordId;
  readonly by: string;
}

/** Retention ran: openings older than `before` (Unix milliseconds) are gone for good; the leaves stay. */
export interface DetailsErased {
  readonly kind: 'details-erased';
  readonly before: number;
  readonly count: number;
}
