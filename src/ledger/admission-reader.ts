import {
  type Authority,
  type AuthorityPurpose,
  type AuthorityState,
  isCaPurpose,
  type KeyId,
} from '../domain/authority.ts';
import { isWaiting } from '../domain/authority-life.ts';
import type { Spend } from '../domain/fact.ts';
import type { RecordId } from '../domain/record-id.ts';
import type { RevocationIndex, RevocationSubject } from '../domain/revocation.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';

/** What admission needs to know of an authority. */
export interface AdmittedAuthority {
  readonly state: AuthorityState;
  readonly tainted: boolean;
  /** The place for which it competes: at most one authority of a slot is active. */
  readonly slot: string;
  readonly purpose: AuthorityPurpose;
  /** It has its certificate, or needs none. */
  readonly complete: boolean;
}

/** What admission asks of the state before a fact, in single look-ups (P9). */
export interface AdmissionReader {
  credential(id: RecordId): (RevocationSubject & { readonly index: number; readonly superseded: boolean }) | undefined;
  /** Whether a credential is on record under this id. It is asked for new ones, so the answer is nearly always no. */
  credentialUsed(id: RecordId): boolean;
  /** Is a decision on record under this id (denial, attestation, revocation, purged credential)? */
  decided(id: RecordId): boolean;
  entry(id: string): { readonly revision: number } | undefined;
  /** Was this id ever used, also by an entry that is deleted? */
  entryUsed(id: string): boolean;
  commonNameOwner(commonName: string): SpiffeId | undefined;
  resource(identifier: string): { readonly revision: number } | undefined;
  /** The newest revision that a resource of this identifier ever had, also one that is deleted; 0 when there was none. */
  resourceRevision(identifier: string): number;
  /** The identifier of the resource that a logical name belongs to. */
  resourceNamed(name: string): string | undefined;
  joinToken(id: RecordId): { readonly voided: boolean } | undefined;
  joinTokenHashUsed(hash: string): boolean;
  /** The key that spent it, and the ledger index of its first use; absent for uses from before migration 0002. */
  spent(kind: Spend['kind'], key: string): { readonly spki?: string; readonly index?: number } | undefined;
  authority(id: KeyId): AdmittedAuthority | undefined;
  activeAuthority(slot: string): KeyId | undefined;
  /** Whether an authority of this `authorityGeneration` was ever on record: two servers that rotate at once make the same one. */
  generationUsed(purposeAndGeneration: string): boolean;
  /** All revocations in force. Admission changes the index as it goes, and undoes the changes of a refused group. */
  readonly revocations: RevocationIndex;
}

/** The key under which a generation of a purpose is looked up; no two authorities ever share one (DEC-25). */
export const authorityGeneration = (authority: Pick<Authority, 'purpose' | 'generation'>): string =>
  `${authority.purpose} ${authority.generation}`;

/** One active CA of each purpose; keys for tokens stand beside each other by algorithm (design.md §6). */
const authoritySlot = (authority: Authority): string =>
  isCaPurpose(authority.purpose) ? authority.purpose : `${authority.purpose} ${authority.algorithm}`;

/** An authority on record as admission sees it. */
export const admittedAuthority = (authority: Authority): AdmittedAuthority => ({
  state: authority.state,
  tainted: authority.tainted,
  slot: authoritySlot(authority),
  purpose: authority.purpose,
  complete: !isWaiting(authority),
});
