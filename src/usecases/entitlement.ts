import type { Entry } from '../domain/entry.ts';
import { unixSeconds } from '../domain/instant.ts';
import { Refusal } from '../domain/refusal.ts';
import { serverId, type SpiffeId } from '../domain/spiffe-id.ts';
import type { AttestationRow } from '../ports/views.ts';
import type { Caller } from './authenticate-caller.ts';
import type { Issuer } from './issuer.ts';

type Reader = Pick<Issuer, 'views' | 'clock' | 'policy'>;

const noIdentity = (reason: string): Refusal =>
  new Refusal('no_identity', 'no entry gives this identity to the caller', { reason });

/** Is every selector of the entry among those that were proven? */
export const isSelectedBy = (entry: Entry, proven: readonly string[]): boolean =>
  entry.selectors.every((selector) => proven.includes(selector));

const isExpired = (issuer: Reader, entry: Entry): boolean =>
  entry.expiresAt !== undefined && entry.expiresAt <= unixSeconds(issuer.clock.now());

const attestationOf = (issuer: Reader, caller: Caller): AttestationRow => {
  const attestation = caller.row.attestation && issuer.views.attestations.get(caller.row.attestation);
  if (!attestation) throw noIdentity('the attestation of the caller is no longer on record');
  return attestation;
};

/** The agent's own ID, and those of the agent groups that its node selectors put it in (DEC-27). */
export const parentsOf = (issuer: Reader, caller: Caller): ReadonlySet<SpiffeId> => {
  const attestation = attestationOf(issuer, caller);
  const groups = issuer.views.entries.matching(serverId(issuer.policy.trustDomain), attestation.selectors);
  const live = groups.filter((group) => !isExpired(issuer, group));
  return new Set([caller.spiffeId, ...live.map((group) => group.spiffeId)]);
};

/**
 * The entry under which an agent may ask for a workload's credential (DEC-14). Refuses with `no_identity`; the reason,
 * for the operator, says whether the entry is missing, expired, or under another parent.
 */
export const entryUnderAgent = (issuer: Reader, parents: ReadonlySet<SpiffeId>, entryId: string): Entry => {
  const entry = issuer.views.entries.get(entryId);
  if (!entry) throw noIdentity('there is no such entry');
  if (!parents.has(entry.parentId)) throw noIdentity(`the entry has another parent: ${entry.parentId}`);
  if (isExpired(issuer, entry)) throw noIdentity('the entry has expired');
  return entry;
};

/**
 * The entry that an agentless caller's own identity rests on today: it must still give the same SPIFFE ID for what the
 * caller once proved. Refuses with `no_identity`.
 */
export const ownEntry = (issuer: Reader, caller: Caller): Entry => {
  const entry = caller.row.entry === undefined ? undefined : issuer.views.entries.get(caller.row.entry);
  if (!entry) throw noIdentity('the entry of the caller is gone');
  if (entry.spiffeId !== caller.spiffeId) throw noIdentity('the entry of the caller now gives another SPIFFE ID');
  if (isExpired(issuer, entry)) throw noIdentity('the entry of the caller has expired');
  if (entry.parentId !== serverId(issuer.policy.trustDomain)) {
    throw noIdentity('the entry of the caller is now for workloads of an agent');
  }
  const { attestor, selectors } = attestationOf(issuer, caller);
  // A join token names its entry itself: the operator's word stood in place of the entry's selectors (DEC-16).
  if (attestor !== 'join_token' && !isSelectedBy(entry, selectors)) {
    throw noIdentity('the entry of the caller asks for selectors that were not proven');
  }
  return entry;
};
