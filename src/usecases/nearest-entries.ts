import { JOIN_TOKEN } from '../domain/attestation.ts';
import { type Entry, isLiveEntry } from '../domain/entry.ts';
import { isPathPrefix, serverId, type SpiffeId } from '../domain/spiffe-id.ts';
import type { Issuer } from './issuer.ts';

type Reader = Pick<Issuer, 'views' | 'clock' | 'follower' | 'policy'>;

/** A request that came to nothing: who asked, for what, with which evidence. */
export interface Wanted {
  /** The type of the evidence, if there was any. */
  readonly attestor?: string | undefined;
  readonly selectors: readonly string[];
  readonly spiffeId?: SpiffeId | undefined;
  readonly agent?: SpiffeId | undefined;
  readonly entry?: string | undefined;
}

/** An entry that came close, and everything that stood in its way. */
export interface NearEntry {
  readonly id: string;
  readonly spiffeId: SpiffeId;
  readonly matching: readonly string[];
  /** Selectors of the entry that were not proven. */
  readonly missing: readonly string[];
  readonly obstacles: readonly string[];
}

/** An entry that came close. */
interface Candidate {
  readonly near: NearEntry;
  /** Whether it is under a parent under which it had to be. */
  readonly isBelow: boolean;
}

/** How many entries are looked at for each selector, and how many are shown. */
const CANDIDATES = 200;
const SHOWN = 5;

/** Whether an agent reported a workload that it attested: then the entries under that agent count first. */
const isAgentReport = ({ agent, attestor, entry, selectors }: Wanted): boolean =>
  agent !== undefined && attestor === undefined && entry === undefined && selectors.length > 0;

const candidates = (issuer: Reader, wanted: Wanted, parents: ReadonlySet<SpiffeId>): readonly Entry[] => {
  const { entries } = issuer.views;
  const named = wanted.entry === undefined ? undefined : entries.get(wanted.entry);
  const one = named ? [named] : [];
  if (wanted.attestor === JOIN_TOKEN) return one;
  const found = wanted.selectors.flatMap((selector) => entries.list({ selector }, { limit: CANDIDATES }));
  if (wanted.spiffeId !== undefined) found.push(...entries.list({ spiffeId: wanted.spiffeId }, { limit: CANDIDATES }));
  if (isAgentReport(wanted)) {
    for (const parentId of parents) found.push(...entries.list({ parentId }, { limit: CANDIDATES }));
  }
  found.push(...one);
  return [...new Map(found.map((entry) => [entry.id, entry])).values()];
};

/** The parents under which the entry had to be: the agent and its groups, or the server for whoever attests without one. */
const expectedParents = (issuer: Reader, agent: SpiffeId | undefined): ReadonlySet<SpiffeId> => {
  const server = serverId(issuer.policy.trustDomain);
  if (agent === undefined) return new Set([server]);
  const selectors = issuer.views.attestations.newest(agent)?.selectors ?? [];
  const groups = issuer.views.entries.matching(server, selectors);
  return new Set([agent, ...groups.map(({ spiffeId }) => spiffeId)]);
};

const nearness = (issuer: Reader, wanted: Wanted, parents: ReadonlySet<SpiffeId>, entry: Entry): NearEntry => {
  const proven = new Set(wanted.selectors);
  const matching = entry.selectors.filter((selector) => proven.has(selector));
  const selects = wanted.selectors.length > 0 && wanted.attestor !== JOIN_TOKEN;
  const missing = selects ? entry.selectors.filter((selector) => !proven.has(selector)) : [];
  const barred = issuer.follower.revocations.barring({
    spiffeId: entry.spiffeId,
    entry: entry.id,
    ...(wanted.agent !== undefined && { agent: wanted.agent }),
  });
  const obstacles = [
    missing.length > 0 && `missing selectors: ${missing.join(', ')}`,
    !parents.has(entry.parentId) && `wrong parent: the entry is under ${entry.parentId}`,
    !isLiveEntry(entry, issuer.clock.now()) && 'the entry has expired',
    barred && `blocked by revocation ${barred.id} (${barred.target.kind} ${barred.target.value})`,
  ].filter((obstacle) => typeof obstacle === 'string');
  return { id: entry.id, spiffeId: entry.spiffeId, matching, missing, obstacles };
};

/**
 * The entries, as they stand now, that came nearest to what was wanted: fewest missing selectors first, then fewest obstacles,
 * then most matching selectors. At most five, all below `prefix`, of a bounded number that are looked at. Where an agent reported
 * a workload, entries under that agent and its groups come first.
 *
 * A join token leads to the one entry that it names, whatever that entry selects (DEC-16): it is shown if it had obstacles.
 */
export const nearestEntries = (issuer: Reader, wanted: Wanted, prefix?: SpiffeId): readonly NearEntry[] => {
  const parents = expectedParents(issuer, wanted.agent);
  const belowFirst = isAgentReport(wanted);
  return candidates(issuer, wanted, parents)
    .filter(({ spiffeId }) => prefix === undefined || isPathPrefix(prefix, spiffeId))
    .map((entry): Candidate => {
      const isBelow = !belowFirst || parents.has(entry.parentId);
      return { near: nearness(issuer, wanted, parents, entry), isBelow };
    })
    .filter(({ near }) => wanted.attestor !== JOIN_TOKEN || near.obstacles.length > 0)
    .sort(
      ({ near: a, isBelow: aIsBelow }, { near: b, isBelow: bIsBelow }) =>
        Number(bIsBelow) - Number(aIsBelow) ||
        a.missing.length - b.missing.length ||
        a.obstacles.length - b.obstacles.length ||
        b.matching.length - a.matching.length ||
        (a.id < b.id ? -1 : 1),
    )
    .slice(0, SHOWN)
    .map(({ near }) => near);
};
