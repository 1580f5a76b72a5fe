import { type Instant, unixSeconds } from './instant.ts';
import type { SpiffeId } from './spiffe-id.ts';
import type { TrustDomain } from './trust-domain.ts';

/** A right to scopes at one resource (DEC-47). Scopes are those that the resource defines. */
export interface Grant {
  /** The resource's identifier, compared as bytes. */
  readonly resource: string;
  readonly scopes: readonly string[];
  /** Given when a request names no scope (DEC-55); absent: such a request is refused. */
  readonly defaultScopes?: readonly string[];
  /** Seconds. */
  readonly maxTtl?: number;
  /** The written exception of DEC-30: this workload may hold an unbound token for this resource. */
  readonly bearer?: boolean;
}

export const ADMIN_ROLES = ['viewer', 'revoker', 'registrar', 'owner'] as const;
export type AdminRole = (typeof ADMIN_ROLES)[number];

/** Who may administer what below `prefix` (DEC-28). */
export interface AdminGrant {
  readonly role: AdminRole;
  readonly prefix: SpiffeId;
}

/** What an operator writes: who gets `spiffeId`. Times in seconds; selectors `type:value`, all of them must match. */
export interface EntryFields {
  readonly spiffeId: SpiffeId;
  /** The agent, the agent group (an entry whose parent is the server), or the server itself for agentless workloads. */
  readonly parentId: SpiffeId;
  /** Sorted, without duplicates, at least one. */
  readonly selectors: readonly string[];
  readonly x509Ttl?: number;
  readonly jwtTtl?: number;
  readonly dnsNames: readonly string[];
  readonly commonName?: string;
  readonly federatesWith: readonly TrustDomain[];
  readonly hint?: string;
  readonly admin?: AdminGrant;
  readonly downstream: boolean;
  readonly grants: readonly Grant[];
  /** Audiences that its JWT-SVIDs may name; empty means any (DEC-27). */
  readonly jwtAudiences: readonly string[];
  /** Signings per second, in place of the default of DEC-21. */
  readonly limits?: { readonly signingsPerSecond?: number };
  /** A free label of who keeps this entry; `entry apply --prune` deletes only within one owner. */
  readonly owner?: string;
  /** Unix seconds; from then on the entry gives nothing. */
  readonly expiresAt?: number;
}

/** An entry as it was when it was read: what rests on it is refused once it has another revision (DEC-4). */
export type EntryRevision = { readonly id: string; readonly revision: number };

/** An entry on record. `revision` starts at 1 and grows with each change; an id is never used for a second entry (P3). */
export interface Entry extends EntryFields, EntryRevision {
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
}

export const revisionOf = ({ id, revision }: EntryRevision): EntryRevision => ({ id, revision });

/** Whether an entry gives anything now: it does not from `expiresAt` on. */
export const isLiveEntry = ({ expiresAt }: Pick<Entry, 'expiresAt'>, now: Instant): boolean =>
  expiresAt === undefined || expiresAt > unixSeconds(now);
