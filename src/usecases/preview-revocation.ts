import type { Administrator } from '../domain/administrator.ts';
import type { CredentialKind } from '../domain/fact.ts';
import { unixSeconds } from '../domain/instant.ts';
import { parseRecordId } from '../domain/record-id.ts';
import type { Revocation, RevocationTarget } from '../domain/revocation.ts';
import { isPathPrefix, type SpiffeId } from '../domain/spiffe-id.ts';
import type { AttestationRow, CredentialFilter, CredentialRow, EntryFilter } from '../ports/views.ts';
import type { Issuer } from './issuer.ts';
import { requireTargetWithin, resolveTarget } from './revocation-target.ts';

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

/** The credentials that a target hits and that have not expired; some may come twice. */
export const liveCredentials = function* (issuer: Reader, target: RevocationTarget): Generator<CredentialRow> {
  const liveAt = unixSeconds(issuer.clock.now());
  if (target.kind === 'credential') {
    const row = issuer.views.credentials.get(parseRecordId(target.value));
    if (row !== undefined && row.notAfter > liveAt) yield row;
  }
  for (const filter of credentialFilters(target)) {
    let after: string | undefined;
    for (;;) {
      const page = { limit: PAGE, ...(after !== undefined && { after }) };
      const rows = issuer.views.credentials.list({ ...filter, liveAt }, page);
      yield* rows;
      if (rows.length < PAGE) break;
      after = rows.at(-1)?.id;
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

const agentsUnder = function* (issuer: Reader, prefix: SpiffeId): Generator<AttestationRow> {
  let after: string | undefined;
  for (;;) {
    const rows = issuer.views.attestations.agents({ limit: PAGE, ...(after !== undefined && { after }) });
    yield* rows.filter((row) => isPathPrefix(prefix, row.spiffeId));
    if (rows.length < PAGE) return;
    after = rows.at(-1)?.spiffeId;
  }
};

const countAgents = (issuer: Reader, { kind, value }: RevocationTarget): number => {
  if (kind === 'prefix') return [...agentsUnder(issuer, value as SpiffeId).take(MAX_COUNTED)].length;
  if (kind !== 'identity' && kind !== 'agent') return 0;
  return issuer.views.attestations.newest(value as SpiffeId)?.role === 'agent' ? 1 : 0;
};

export const inForceFor = (issuer: Pick<Issuer, 'views'>, target: RevocationTarget): readonly Revocation[] =>
  issuer.views.revocations
    .active()
    .filter((held) => held.target.kind === target.kind && held.target.value === target.value);

/** Says what a revocation would hit, and changes nothing. Refuses as `revoke` does. */
export const previewRevocation = (issuer: Reader, admin: Administrator, asked: RevocationTarget): RevocationPreview => {
  const target = resolveTarget(issuer, asked);
  requireTargetWithin(issuer, admin, target);
  // What an agent holds itself may have come through it as well.
  const found = [...liveCredentials(issuer, target).take(MAX_COUNTED)];
  const rows = [...new Map(found.map((row) => [row.id, row])).values()];
  const credentials: Record<CredentialKind, number> = { 'x509-svid': 0, 'jwt-svid': 0, 'access-token': 0 };
  for (const row of rows) credentials[row.credential] += 1;
  const identities = [...new Set(rows.map(({ spiffeId }) => spiffeId))].sort();
  const latest = rows.reduce((last, { notAfter }) => Math.max(last, notAfter), 0);
  return {
    target,
    credentials,
    ...(rows.length > 0 && { latestNotAfter: latest }),
    identities: { count: identities.length, first: identities.slice(0, NAMED_IDENTITIES) },
    entries: countEntries(issuer, target),
    agents: countAgents(issuer, target),
    truncated: found.length === MAX_COUNTED,
    inForce: inForceFor(issuer, target),
  };
};
