import { requireWithin, type Administrator } from '../domain/administrator.ts';
import { unixSeconds } from '../domain/instant.ts';
import { Refusal } from '../domain/refusal.ts';
import type { Revocation } from '../domain/revocation.ts';
import { isPathPrefix, type SpiffeId } from '../domain/spiffe-id.ts';
import type { AttestationRow, Page } from '../ports/views.ts';
import type { Issuer } from './issuer.ts';

type Reader = Pick<Issuer, 'views' | 'clock' | 'follower'>;

export interface AgentView extends Omit<AttestationRow, 'nodeKey'> {
  /** A node key is pinned: it may come back with it (DEC-13). */
  readonly hasNodeKey: boolean;
  /** Its newest SVID that has not expired, if it has one. */
  readonly svid?: { readonly serial: string; readonly notAfter: number };
  /** Nothing is issued to it or through it. */
  readonly banned?: Revocation;
  /** Renewal stopped: a clone was seen (DEC-12). */
  readonly locked?: Revocation;
}

const viewOf = (issuer: Reader, { nodeKey, ...row }: AttestationRow): AgentView => {
  const { spiffeId } = row;
  const { revocations } = issuer.follower;
  const liveAt = unixSeconds(issuer.clock.now());
  const [svid] = issuer.views.credentials.list({ spiffeId, liveAt }, { limit: 1 });
  const banned = revocations.barring({ spiffeId });
  const locked = revocations.locking(spiffeId);
  return {
    ...row,
    hasNodeKey: nodeKey !== undefined,
    ...(svid && { svid: { serial: svid.id, notAfter: svid.notAfter } }),
    ...(banned && { banned }),
    ...(locked && { locked }),
  };
};

/** Those that the administrator may see, from `after` on; what lies between them is passed over. */
const visibleAgents = function* (issuer: Reader, { prefix }: Administrator, page: Page): Generator<AttestationRow> {
  let { after } = page;
  for (;;) {
    const rows = issuer.views.attestations.agents({ limit: page.limit, ...(after !== undefined && { after }) });
    yield* rows.filter(({ spiffeId }) => prefix === undefined || isPathPrefix(prefix, spiffeId));
    if (rows.length < page.limit) return;
    after = rows.at(-1)?.spiffeId;
  }
};

/** In order of SPIFFE ID; `next` is where the following page starts, absent at the end. Names no agent beyond the prefix. */
export const listAgents = (
  issuer: Reader,
  admin: Administrator,
  page: Page,
): { readonly agents: readonly AgentView[]; readonly next?: string } => {
  issuer.follower.refresh();
  const rows = [...visibleAgents(issuer, admin, page).take(page.limit)];
  const last = rows.length === page.limit ? rows.at(-1) : undefined;
  return {
    agents: rows.map((row) => viewOf(issuer, row)),
    ...(last && { next: last.spiffeId }),
  };
};

/** Refuses with `not_found`; `forbidden` outside the administrator's prefix. */
export const showAgent = (issuer: Reader, admin: Administrator, spiffeId: SpiffeId): AgentView => {
  requireWithin(admin, spiffeId);
  const row = issuer.views.attestations.newest(spiffeId);
  if (row?.role !== 'agent') throw new Refusal('not_found', 'no agent with this ID has attested');
  issuer.follower.refresh();
  return viewOf(issuer, row);
};
