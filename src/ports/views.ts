import type { AttestedRole } from '../domain/attestation.ts';
import type { Authority, AuthorityPurpose, KeyId } from '../domain/authority.ts';
import type { Cursor } from '../domain/cursor.ts';
import type { Entry } from '../domain/entry.ts';
import type { CredentialKind, CredentialRole, Fact, FactKind } from '../domain/fact.ts';
import type { Instant } from '../domain/instant.ts';
import type { RecordId } from '../domain/record-id.ts';
import type { Resource } from '../domain/resource.ts';
import type { Revocation } from '../domain/revocation.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { LogHead } from './ledger.ts';

/** Reads are synchronous and see everything that was committed before they began. */
export interface Page {
  /** The last key of the page before; absent on the first. */
  readonly after?: string;
  readonly limit: number;
}

export interface EntryFilter {
  readonly spiffeId?: SpiffeId;
  readonly parentId?: SpiffeId;
  readonly selector?: string;
  readonly owner?: string;
  /** Whole path segments. */
  readonly prefix?: SpiffeId;
}

export interface EntryReader {
  get(id: string): Entry | undefined;
  /** Was this id ever used, also by an entry that is deleted? */
  used(id: string): boolean;
  /** In order of id. */
  list(filter: EntryFilter, page: Page): readonly Entry[];
  count(filter: EntryFilter): number;
  /**
   * The parents of all entries of one SPIFFE ID, in no order and with repetitions. It reads page by page, each page in a short
   * statement of its own, so that a caller may let other work run in between.
   */
  parentsOf(spiffeId: SpiffeId): Iterable<readonly SpiffeId[]>;
  /** All entries under `parent` whose selectors are a subset of `selectors`; its cost does not grow with the number of entries. */
  matching(parent: SpiffeId, selectors: readonly string[]): readonly Entry[];
  /** All entries under one parent, as of the moment of the call; each is parsed only when it is asked for. */
  under(parent: SpiffeId): IteratorObject<Entry>;
  /** The entries under one parent that have an expiry, past ones too. */
  expiringUnder(parent: SpiffeId): readonly Entry[];
  /** The entries under one parent that give an admin role. */
  administratorsUnder(parent: SpiffeId): readonly Entry[];
  /** The SPIFFE ID that a common name belongs to (DEC-25). */
  commonNameOwner(commonName: string): SpiffeId | undefined;
}

export interface ResourceReader {
  get(identifier: string): Resource | undefined;
  /** By identifier or logical name. */
  named(name: string): Resource | undefined;
  /** The newest revision that a resource of this identifier ever had, also one that is deleted; 0 when there was none. */
  lastRevision(identifier: string): number;
  list(): readonly Resource[];
}

/** A credential's row: what its `issued` fact said, and its place. */
export interface CredentialRow {
  readonly id: RecordId;
  readonly index: number;
  readonly credential: CredentialKind;
  readonly role: CredentialRole;
  readonly spiffeId: SpiffeId;
  readonly authority: KeyId;
  readonly notBefore: number;
  readonly notAfter: number;
  /** SHA-256 of the SPKI, hexadecimal. */
  readonly spki?: string;
  readonly entry?: string;
  readonly agent?: SpiffeId;
  readonly attestation?: RecordId;
  readonly predecessor?: RecordId;
  /** A successor was presented: not to be accepted on new connections. */
  readonly superseded: boolean;
}

export interface CredentialFilter {
  readonly spiffeId?: SpiffeId;
  readonly prefix?: SpiffeId;
  readonly agent?: SpiffeId;
  readonly entry?: string;
  /** Only those with `notAfter` above this, in Unix seconds. */
  readonly liveAt?: number;
}

export interface CredentialReader {
  get(id: RecordId): CredentialRow | undefined;
  /** An agent's newest X.509-SVID, expired or not; none once its row was purged. */
  newestOf(agent: SpiffeId): CredentialRow | undefined;
  /** Newest first; `page.after` is an id. */
  list(filter: CredentialFilter, page: Page): readonly CredentialRow[];
  /**
   * Every credential once, in pages and in no order. Each page is a short read of its own, whose cost does not grow with the
   * number of credentials, so that a caller may let other work run in between. What is issued meanwhile may be left out.
   */
  walk(filter: CredentialFilter): IteratorObject<readonly CredentialRow[]>;
  count(filter: CredentialFilter): number;
}

export interface AttestationRow {
  readonly id: RecordId;
  readonly index: number;
  readonly attestor: string;
  readonly role: AttestedRole;
  readonly spiffeId: SpiffeId;
  readonly selectors: readonly string[];
  readonly nodeKey?: string;
  readonly attestedAt: Instant;
  /** Unix seconds. At least the end of every agent SVID that rests on it. */
  readonly renewUntil: number;
}

export interface AttestationReader {
  get(id: RecordId): AttestationRow | undefined;
  /** The newest attestation of an identity, which says what selectors and node key an agent has. */
  newest(spiffeId: SpiffeId): AttestationRow | undefined;
  agents(page: Page): readonly AttestationRow[];
}

export interface JoinTokenRow {
  readonly id: RecordId;
  readonly purpose: { readonly agent: SpiffeId | null } | { readonly entry: string };
  readonly expiresAt: number;
  readonly voided: boolean;
}

export interface JoinTokenReader {
  byHash(hash: string): JoinTokenRow | undefined;
}

export interface AuthorityReader {
  get(id: KeyId): Authority | undefined;
  /** All but those that are gone, oldest generation first. */
  list(purpose?: AuthorityPurpose): readonly Authority[];
  /** `spiffe_sequence`: max(previous + 1, unix seconds) at the newest change of an authority (DEC-10). */
  bundleSequence(): number;
}

/** A fact as the log holds it. */
export interface RecordedFact {
  readonly cursor: Cursor;
  readonly time: Instant;
  readonly kind: FactKind;
  /** What the leaf shows in clear. */
  readonly clear: Readonly<Record<string, unknown>>;
  /** The whole fact; absent once its details were erased. */
  readonly fact?: Fact;
  /** SHA-256(0x00 ‖ entry), hexadecimal. */
  readonly leafHash: string;
}

export interface LogReader {
  head(): LogHead;
  /** The root that the log had at an earlier size, hexadecimal. Throws beyond its size. */
  rootAt(size: number): string;
  /** When the present epoch was opened after a restore (DEC-10); undefined in the first epoch. */
  reopenedAt(): Instant | undefined;
  at(index: number): RecordedFact | undefined;
  /** Where a decision (serial, `jti` or decision id) is on record. */
  find(id: RecordId): number | undefined;
}

/** One row of the change feed. `subject` is an entry id, a resource identifier, a revocation id or a key id. */
export interface Change {
  readonly cursor: Cursor;
  readonly kind: FactKind;
  readonly subject: string;
  /** The parent that an entry had before it was changed or deleted; absent for other changes, and where an older version recorded it. */
  readonly was?: SpiffeId;
}

export interface ChangeReader {
  /** The index of the newest change, or -1. Costs one look-up: asked on every request. */
  newest(): number;
  /** In order, from the first with an index above `after`. */
  after(after: number, limit: number): readonly Change[];
}

export interface Views {
  readonly entries: EntryReader;
  readonly resources: ResourceReader;
  readonly credentials: CredentialReader;
  readonly attestations: AttestationReader;
  readonly joinTokens: JoinTokenReader;
  readonly authorities: AuthorityReader;
  readonly revocations: { active(): readonly Revocation[]; get(id: RecordId): Revocation | undefined };
  readonly log: LogReader;
  readonly changes: ChangeReader;
}
