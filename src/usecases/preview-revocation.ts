import type { Administrator } from '../domain/administrator.ts';
import type { CredentialKind } from '../domain/fact.ts';
import type { Revocation, RevocationTarget } from '../domain/revocation.ts';
import { isPathPrefix, type SpiffeId } from '../domain/spiffe-id.ts';
import type { CredentialRow, EntryFilter } from '../ports/views.ts';
import type { Issuer } from './issuer.ts';
import { inForceFor, requireTargetWithin, resolveTarget } from './revocation-target.ts';
import { visitLive } from './revoked-credentials.ts';
import { readPages, type StandAside } from './slices.ts';

type Reader = Pick<Issuer, 'views' | 'policy' | 'clock'>;

/** What a revocation would hit now. */
export interface RevocationPreview {
  readonly target: RevocationTarget;
  /** Credentials that have not expired, by kind. */
  readonly credentials: Readonly<Record<CredentialKind, number>>;
  /** The latest end of life among them, in Unix seconds. */
  readonly latestNotAfter?: number;
  /** How many SPIFFE IDs hold them, and the first of these. */
  readonly identities: { readonly count: number; readonly first: readonly SpiffeId[] };
  readonly entries: number;
  readonly agents: number;
  /** Counting stopped early: each number is a lower bound. */
  readonly truncated: boolean;
  /** The revocations of the same target that are in force already. */
  readonly inForce: readonly Revocation[];
}

/** How many agents one read brings. */
const PAGE = 500;
/** How many credentials are looked at; beyond it the numbers are lower bounds. */
const MAX_COUNTED = 20_000;
const NAMED_IDENTITIES = 20;

const entryFilter = (target: RevocationTarget): EntryFilter | undefined => {
  const id = target.value as SpiffeId;
  switch (target.kind) {
    case 'identity':
      return { spiffeId: id };
    case 'prefix':
      return { prefix: id };
    case 'agent':
      return { parentId: id };
    default:
      return undefined;
  }
};

const countEntries = (issuer: Reader, target: RevocationTarget): number => {
  const filter = entryFilter(target);
  if (filter !== undefined) return issuer.views.entries.count(filter);
  return target.kind === 'entry' && issuer.views.entries.get(target.value) ? 1 : 0;
};

const countAgentsUnder = async ({ views }: Reader, prefix: SpiffeId, standAside: StandAside): Promise<number> => {
  let count = 0;
  const pages = readPages(
    (page) => views.attestations.agents(page),
    ({ spiffeId }) => spiffeId,
    { limit: PAGE },
  );
  for (const rows of pages) {
    count += rows.filter((row) => isPathPrefix(prefix, row.spiffeId)).length;
    if (count >= MAX_COUNTED) return MAX_COUNTED;
    if (rows.length === PAGE) await standAside();
  }
  return count;
};

const countAgents = async (
  issuer: Reader,
  { kind, value }: RevocationTarget,
  standAside: StandAside,
): Promise<number> => {
  if (kind === 'prefix') return countAgentsUnder(issuer, value as SpiffeId, standAside);
  if (kind !== 'identity' && kind !== 'agent') return 0;
  return issuer.views.attestations.newest(value as SpiffeId)?.role === 'agent' ? 1 : 0;
};

/**
 * Says what a revocation would hit, and changes nothing. Refuses as `revoke` does. Other requests run between its pages, so
 * that it is no snapshot.
 */
export const previewRevocation = async (
  issuer: Reader,
  admin: Administrator,
  asked: RevocationTarget,
  standAside: StandAside,
): Promise<RevocationPreview> => {
  const target = resolveTarget(issuer, asked);
  requireTargetWithin(issuer, admin, target);
  const credentials: Record<CredentialKind, number> = { 'x509-svid': 0, 'jwt-svid': 0, 'access-token': 0 };
  const holders = new Set<SpiffeId>();
  let latest = 0;
  const visit = ({ credential, spiffeId, notAfter }: CredentialRow): void => {
    credentials[credential] += 1;
    holders.add(spiffeId);
    latest = Math.max(latest, notAfter);
  };
  const { isWhole } = await visitLive(issuer, target, { most: MAX_COUNTED, standAside, visit });
  const identities = [...holders].sort();
  return {
    target,
    credentials,
    ...(holders.size > 0 && { latestNotAfter: latest }),
    identities: { count: identities.length, first: identities.slice(0, NAMED_IDENTITIES) },
    entries: countEntries(issuer, target),
    agents: await countAgents(issuer, target, standAside),
    truncated: !isWhole,
    inForce: inForceFor(issuer, target),
  };
};
