import { isWithin, requireWithin, type Administrator } from '../domain/administrator.ts';
import { unixSeconds } from '../domain/instant.ts';
import { Refusal } from '../domain/refusal.ts';
import { type Revocation, revocationSubject } from '../domain/revocation.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { AttestationRow, Page } from '../ports/views.ts';
import { agentLife } from './agent-life.ts';
import type { AgentPresence, PresenceReader } from './agent-presence.ts';
import type { Issuer } from './issuer.ts';
import { readAll } from './slices.ts';

type Reader = Pick<Issuer, 'views' | 'clock' | 'follower' | 'policy'>;

export interface AgentView extends Omit<AttestationRow, 'nodeKey'> {
  /** A node key is pinned: it may come back with it (DEC-13). */
  readonly hasNodeKey: boolean;
  /** Its newest SVID, if that has neither expired nor been revoked. */
  readonly svid?: { readonly serial: string; readonly notBefore: number; readonly notAfter: number };
  /** Nothing is issued to it or through it. */
  readonly banned?: Revocation;
  /** What it attested with is void, its node key too, until it attests anew (DEC-6). */
  readonly evicted?: Revocation;
  /** Renewal stopped: a clone was seen (DEC-12). */
  readonly locked?: Revocation;
  /** Neither its SVID nor its node key is good any more. */
  readonly dead: boolean;
  /** Its SVID should have been renewed by now. */
  readonly isPastRenewal: boolean;
}

/** An agent with what was seen of it. */
export interface SeenAgent extends Omit<AgentView, 'isPastRenewal'> {
  /** Its SVID should have been renewed by now, and it is not connected. */
  readonly stoppedRenewing: boolean;
  /** Its connection to the feed: absent when none was seen since the server started. */
  readonly presence?: AgentPresence;
}

/** Adds what was seen of agents. */
export const seenAgents = async (
  presence: PresenceReader,
  views: readonly AgentView[],
): Promise<readonly SeenAgent[]> => {
  const seen = await presence.of(views.map(({ spiffeId }) => spiffeId));
  const byAgent = new Map(seen.map((each) => [each.agent, each]));
  return views.map(({ isPastRenewal, ...view }) => {
    const own = byAgent.get(view.spiffeId);
    return { ...view, stoppedRenewing: isPastRenewal && own?.since === undefined, ...(own && { presence: own }) };
  });
};

const viewOf = (issuer: Reader, row: AttestationRow): AgentView => {
  const { nodeKey, ...shown } = row;
  const { spiffeId } = row;
  const { revocations } = issuer.follower;
  const { newest, isDead, isPastRenewal } = agentLife(issuer, row);
  const isOver = newest === undefined || newest.notAfter <= unixSeconds(issuer.clock.now());
  const svid = isOver || revocations.killing(revocationSubject(newest), newest.index) ? undefined : newest;
  const banned = revocations.barring({ spiffeId });
  const evicted = revocations.killing({ spiffeId, agent: spiffeId }, row.index);
  const locked = revocations.locking(spiffeId);
  return {
    ...shown,
    hasNodeKey: nodeKey !== undefined,
    dead: isDead,
    isPastRenewal,
    ...(svid && { svid: { serial: svid.id, notBefore: svid.notBefore, notAfter: svid.notAfter } }),
    ...(banned && { banned }),
    ...(evicted && { evicted }),
    ...(locked && { locked }),
  };
};

/** The agents that the administrator may see, from `after` on. */
const visibleAgents = ({ views }: Reader, admin: Administrator, page: Page): IteratorObject<AttestationRow> =>
  readAll(
    (each) => views.attestations.agents(each),
    ({ spiffeId }) => spiffeId,
    page,
  ).filter(({ spiffeId }) => isWithin(admin, spiffeId));

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
