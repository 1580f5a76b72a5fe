import { type Entry, isLiveEntry } from './entry.ts';
import type { Instant } from './instant.ts';
import { Refusal } from './refusal.ts';
import type { SpiffeId } from './spiffe-id.ts';

/** The attestor whose evidence names its entry: the operator tied the token to it, so no selectors are compared (DEC-16). */
export const JOIN_TOKEN = 'join_token';

/** What whoever attests becomes: an agent, or a workload that calls the server without one. */
export type AttestedRole = 'agent' | 'agentless';

/**
 * Evidence that was not accepted. The caller reads one constant sentence, whatever was wrong (P7); `reason` goes on record
 * for the operator, so it is precise and holds nothing of the evidence.
 */
export const evidenceRefused = (reason: string): Refusal =>
  new Refusal('attestation_refused', 'the evidence was not accepted', { reason });

/** The entry with the most selectors comes first. Ids break ties, so that the same facts always give the same answer. */
const mostSpecificFirst = (a: Entry, b: Entry): number =>
  b.selectors.length - a.selectors.length || (a.id < b.id ? -1 : 1);

/**
 * Chooses the entry that gives the identity among those that match; expired ones do not count. Refuses with `no_identity`
 * when none is left (for `wanted`, if an ID was asked for), and with `ambiguous_identity` when the entries give several
 * SPIFFE IDs and none was asked for.
 */
export const chooseEntry = (matching: readonly Entry[], now: Instant, wanted: SpiffeId | undefined): Entry => {
  const live = matching.filter((entry) => isLiveEntry(entry, now));
  const candidates = wanted === undefined ? live : live.filter((entry) => entry.spiffeId === wanted);
  const [chosen] = [...candidates].sort(mostSpecificFirst);
  if (chosen === undefined) {
    const reason = live.length > 0 ? 'entries match, but none gives the SPIFFE ID asked for' : 'no entry matches';
    throw new Refusal('no_identity', 'no entry gives this caller an identity', { reason });
  }
  const ids = new Set(candidates.map((entry) => entry.spiffeId));
  if (ids.size > 1) {
    throw new Refusal('ambiguous_identity', 'several identities match: name one in spiffeId', {
      reason: `${ids.size} SPIFFE IDs match and none was asked for`,
      field: 'spiffeId',
    });
  }
  return chosen;
};
