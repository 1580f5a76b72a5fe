import type { Entry } from './entry.ts';
import { type Instant, unixSeconds } from './instant.ts';
import { Refusal } from './refusal.ts';
import type { SpiffeId } from './spiffe-id.ts';

/** The kind of evidence that names its entry itself: the operator's word stands in place of the entry's selectors (DEC-16). */
export const JOIN_TOKEN = 'join_token';

/** What evidence may be turned into. */
export type AttestedRole = 'agent' | 'agentless';

/**
 * Evidence that was not accepted. The caller reads one constant sentence, whatever was wrong (P7); `reason` goes on record
 * for the operator, so it is precise and holds nothing of the evidence.
 */
export const evidenceRefused = (reason: string): Refusal =>
  new Refusal('attestation_refused', 'the evidence was not accepted', { reason });

/** An entry gives nothing from `expiresAt` on. */
export const isLiveEntry = (entry: Entry, now: Instant): boolean =>
  entry.expiresAt === undefined || entry.expiresAt > unixSeconds(now);

/** The entry that asks for most comes first; the id settles what is left, so that the same facts always give the same answer. */
const mostSpecificFirst = (a: Entry, b: Entry): number =>
  b.selectors.length - a.selectors.length || (a.id < b.id ? -1 : 1);

/**
 * Which of the entries that match gives the identity. Expired ones count for nothing. Refuses with `no_identity` when none is
 * left for `wanted` (or at all), and with `ambiguous_identity` when they give several SPIFFE IDs and none was asked for.
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
