import { JOIN_TOKEN } from '../domain/attestation.ts';
import { type AdminGrant, type Entry, type EntryRevision, isLiveEntry, revisionOf } from '../domain/entry.ts';
import type { Leans } from '../domain/fact.ts';
import { Refusal } from '../domain/refusal.ts';
import { serverId, type SpiffeId } from '../domain/spiffe-id.ts';
import type { AttestationRow } from '../ports/views.ts';
import type { Caller } from './authenticate-caller.ts';
import type { Issuer } from './issuer.ts';

type Reader = Pick<Issuer, 'views' | 'clock' | 'policy'>;

const noIdentity = (reason: string): Refusal =>
  new Refusal('no_identity', 'no entry gives this identity to the caller', { reason });

/** Is every selector of the entry among those that were proven? */
const isSelectedBy = (entry: Entry, proven: readonly string[]): boolean =>
  entry.selectors.every((selector) => proven.includes(selector));

const attestationOf = (issuer: Reader, caller: Pick<Caller, 'row'>): AttestationRow => {
  const attestation = caller.row.attestation && issuer.views.attestations.get(caller.row.attestation);
  if (!attestation) throw noIdentity('the attestation of the caller is no longer on record');
  return attestation;
};

/** The parent IDs of an agent's entries, each with the group entry that gives it; undefined for the agent's own ID. */
export type Parents = ReadonlyMap<SpiffeId, Entry | undefined>;

/** The agent's own ID, and those of the agent groups that its node selectors put it in (DEC-27). */
export const parentsOf = (issuer: Reader, caller: Pick<Caller, 'row' | 'spiffeId'>): Parents => {
  const attestation = attestationOf(issuer, caller);
  const groups = issuer.views.entries.matching(serverId(issuer.policy.trustDomain), attestation.selectors);
  const now = issuer.clock.now();
  const parents = new Map<SpiffeId, Entry | undefined>();
  for (const group of groups) if (isLiveEntry(group, now)) parents.set(group.spiffeId, group);
  return parents.set(caller.spiffeId, undefined);
};

/** `parentsOf`, worked out once for the items of a batch; anew for an item that is decided again. */
export const parentsOnce = (
  issuer: Reader,
  caller: Pick<Caller, 'row' | 'spiffeId'>,
): ((again: boolean) => Parents) => {
  let known: Parents | undefined;
  return (again) => {
    if (again || known === undefined) known = parentsOf(issuer, caller);
    return known;
  };
};

/**
 * The entry under which an agent may ask for a workload's credential (DEC-14). Refuses with `no_identity`; the reason,
 * for the operator, says whether the entry is missing, expired, or under another parent.
 */
export const entryUnderAgent = (issuer: Reader, parents: Parents, entryId: string): Entry => {
  const entry = issuer.views.entries.get(entryId);
  if (!entry) throw noIdentity('there is no such entry');
  if (!parents.has(entry.parentId)) throw noIdentity(`the entry has another parent: ${entry.parentId}`);
  if (!isLiveEntry(entry, issuer.clock.now())) throw noIdentity('the entry has expired');
  return entry;
};

/** What else an issuance under the entry leans on (DEC-4): the group through which its parent is one of the agent's. */
export const groupLeans = (parents: Parents, { parentId }: Entry): Pick<Leans, 'group'> => {
  const group = parents.get(parentId);
  return group ? { group: revisionOf(group) } : {};
};

/**
 * The entry that an agentless caller's own identity rests on today: it must still give the same SPIFFE ID for what the
 * caller once proved. Refuses with `no_identity`.
 */
export const ownEntry = (issuer: Reader, caller: Caller): Entry => {
  const entry = caller.row.entry === undefined ? undefined : issuer.views.entries.get(caller.row.entry);
  if (!entry) throw noIdentity('the entry of the caller is gone');
  if (entry.spiffeId !== caller.spiffeId) throw noIdentity('the entry of the caller now gives another SPIFFE ID');
  if (!isLiveEntry(entry, issuer.clock.now())) throw noIdentity('the entry of the caller has expired');
  if (entry.parentId !== serverId(issuer.policy.trustDomain)) {
    throw noIdentity('the entry of the caller is now for workloads of an agent');
  }
  const { attestor, selectors } = attestationOf(issuer, caller);
  if (attestor !== JOIN_TOKEN && !isSelectedBy(entry, selectors)) {
    throw noIdentity('the entry of the caller asks for selectors that were not proven');
  }
  return entry;
};

/** A role, and the entry that gives it as it was read. */
export interface AdminRights extends AdminGrant {
  readonly rights: EntryRevision;
}

/**
 * What the caller's entry lets it administer now; undefined when the entry gives no role, has expired or gives another SPIFFE
 * ID. Its current revision counts, not that of the time of issuance (DEC-28).
 */
export const adminOf = (issuer: Pick<Issuer, 'views' | 'clock'>, caller: Caller): AdminRights | undefined => {
  const entry = caller.row.entry === undefined ? undefined : issuer.views.entries.get(caller.row.entry);
  if (entry?.spiffeId !== caller.spiffeId || !isLiveEntry(entry, issuer.clock.now())) return undefined;
  return entry.admin && { ...entry.admin, rights: revisionOf(entry) };
};
