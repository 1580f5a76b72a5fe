import type { Authority, KeyId } from '../domain/authority.ts';
import { unixSeconds } from '../domain/instant.ts';
import type { CredentialRow, Views } from '../ports/views.ts';
import type { AuthorityKeeper } from './authority-keeper.ts';

/** What hangs on keys that are about to go. */
export interface AuthorityImpact {
  /** Credentials that are valid now and signed by these keys. */
  readonly liveCredentials: number;
  /** Agents whose newest identity is signed by these keys: without a new one they cannot call any more (DEC-23). */
  readonly agentsNotMoved: readonly string[];
}

const PAGE = 1000;
/** What is shown of agents; the count of credentials is always whole. */
const MAX_AGENTS = 100;

function* liveCredentials(views: Pick<Views, 'credentials'>, now: number): Generator<CredentialRow> {
  let after: string | undefined;
  for (;;) {
    const page = views.credentials.list({ liveAt: now }, { limit: PAGE, ...(after !== undefined && { after }) });
    yield* page;
    if (page.length < PAGE) return;
    after = page.at(-1)?.id;
  }
}

/**
 * Counts what hangs on `keys`. Walks all live credentials, newest first: for an operator's rare command, not for a request
 * of a workload.
 */
export const impactOf = (
  keeper: { readonly views: Pick<Views, 'credentials'> } & Pick<AuthorityKeeper, 'clock'>,
  keys: readonly Authority[],
): AuthorityImpact => {
  const lost = new Set<KeyId>(keys.map(({ id }) => id));
  const seen = new Set<string>();
  const agentsNotMoved: string[] = [];
  let count = 0;
  for (const row of liveCredentials(keeper.views, unixSeconds(keeper.clock.now()))) {
    const isLost = lost.has(row.authority);
    if (isLost) count += 1;
    if (row.role !== 'agent' || seen.has(row.spiffeId)) continue;
    // The first one met is the newest.
    seen.add(row.spiffeId);
    if (isLost && agentsNotMoved.length < MAX_AGENTS) agentsNotMoved.push(row.spiffeId);
  }
  return { liveCredentials: count, agentsNotMoved };
};
