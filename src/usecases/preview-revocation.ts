import type { Administrator } from '../domain/administrator.ts';
import type { CredentialKind } from '../domain/fact.ts';
import { unixSeconds } from '../domain/instant.ts';
import { parseRecordId } from '../domain/record-id.ts';
import type { Revocation, RevocationTarget } from '../domain/revocation.ts';
import { isPathPrefix, type SpiffeId } from '../domain/spiffe-id.ts';
import type { CredentialFilter, CredentialRow, EntryFilter } from '../ports/views.ts';
import type { Issuer } from './issuer.ts';
import { requireTargetWithin, resolveTarget } from './revocation-target.ts';
import type { StandAside } from './slices.ts';

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
  /** The numbers stop here: there are at least so many. */
  readonly truncated: boolean;
  /** What is in force for the same target already. */
  readonly inForce: readonly Revocation[];
}

/** Agents looked at in one read. */
const PAGE = 500;
/** Credentials looked at; beyond it the answer says "at least". */
const MAX_COUNTED = 20_000;
const NAMED_IDENTITIES = 20;

/** The searches that find what a target hits: an agent's own credentials, and those that came through it. */
export const credentialFilters = (target: RevocationTarget): readonly CredentialFilter[] => {
  const id = target.value as SpiffeId;
  switch (target.kind) {
    case 'identity':
      return [{ spiffeId: id }];
    case 'prefix':
      return [{ prefix: id }];
    case 'agent':
      return [{ spiffeId: id }, { agent: id }];
    case 'entry':
      return [{ entry: target.value }];
    default:
      return [];
  }
};

/**
 * Credentials that a target hits and that have not expired, `most` of them, in no order; some may come twice. Stands aside before
 * each page but the first.
 */
export const liveCredentials = async function* (
  issuer: Reader,
  target: RevocationTarget,
  most: number,
  standAside: StandAside,
): AsyncGenerator<readonly CredentialRow[]> {
  const liveAt = unixSeconds(issuer.clock.now());
  if (target.kind === 'credential') {
    const row = issuer.views.credentials.get(parseRecordId(target.value));
    if (row !== undefined && row.notAfter > liveAt) yield [row];
  }
  let left = most;
  for (const filter of credentialFilters(target)) {
    for (const rows of issuer.views.credentials.walk({ ...filter, liveAt })) {
      yield rows.slice(0, left);
      left -= rows.length;
      if (left <= 0) return;
      await standAside();
    }
  }
};

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

const countAgentsUnder = async (issuer: Reader, prefix: SpiffeId, standAside: StandAside): Promise<number> => {
  let count = 0;
  let after: string | undefined;
  for (;;) {
    const rows = issuer.views.attestations.agents({ limit: PAGE, ...(after !== undefined && { after }) });
    count += rows.filter((row) => isPathPrefix(prefix, row.spiffeId)).length;
    if (rows.length < PAGE || count >= MAX_COUNTED) return Math.min(count, MAX_COUNTED);
    after = rows.at(-1)?.spiffeId;
    await standAside();
  }
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

export const inForceFor = (issuer: Pick<Issuer, 'views'>, target: RevocationTarget): readonly Revocation[] =>
  issuer.views.revocations
    .active()
    .filter((held) => held.target.kind === target.kind && held.target.value === target.value);

/** Says what a revocation would hit, and changes nothing. Refuses as `revoke` does. Others come in between. */
export const previewRevocation = async (
  issuer: Reader,
  admin: Administrator,
  asked: RevocationTarget,
  standAside: StandAside,
): Promise<RevocationPreview> => {
  const target = resolveTarget(issuer, asked);
  requireTargetWithin(issuer, admin, target);
  const credentials: Record<CredentialKind, number> = { 'x509-svid': 0, 'jwt-svid': 0, 'access-token': 0 };
  // What an agent holds itself may have come through it as well.
  const seen = new Set<string>();
  const holders = new Set<SpiffeId>();
  let counted = 0;
  let latest = 0;
  for await (const rows of liveCredentials(issuer, target, MAX_COUNTED, standAside)) {
    counted += rows.length;
    for (const { id, credential, spiffeId, notAfter } of rows) {
      if (seen.has(id)) continue;
      seen.add(id);
      credentials[credential] += 1;
      holders.add(spiffeId);
      latest = Math.max(latest, notAfter);
    }
  }
  const identities = [...holders].sort();
  return {
    target,
    credentials,
    ...(seen.size > 0 && { latestNotAfter: latest }),
    identities: { count: identities.length, first: identities.slice(0, NAMED_IDENTITIES) },
    entries: countEntries(issuer, target),
    agents: await countAgents(issuer, target, standAside),
    truncated: counted === MAX_COUNTED,
    inForce: inForceFor(issuer, target),
  };
};
