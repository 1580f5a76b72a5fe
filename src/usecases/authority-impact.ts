import type { Authority, KeyId } from '../domain/authority.ts';
import { unixSeconds } from '../domain/instant.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { CredentialRow, Views } from '../ports/views.ts';
import type { AuthorityKeeper } from './authority-keeper.ts';
import type { StandAside } from './slices.ts';

/** What hangs on keys that are about to go. */
export interface AuthorityImpact {
  /** Credentials that are valid now and signed by these keys. */
  readonly liveCredentials: number;
  /** How many agents have their newest identity signed by these keys: without a new one they cannot call any more (DEC-23). */
  readonly agentCount: number;
  /** The newest of these, some at most. */
  readonly agentsNotMoved: readonly string[];
}

/** What is shown of agents; the counts are always whole. */
const MAX_AGENTS = 100;

/**
 * Counts what hangs on `keys`. Walks all live credentials, and stands aside in between: for an operator's rare command, not for a
 * request of a workload.
 */
export const impactOf = async (
  keeper: { readonly views: Pick<Views, 'credentials'> } & Pick<AuthorityKeeper, 'clock'>,
  keys: readonly Authority[],
  standAside: StandAside,
): Promise<AuthorityImpact> => {
  const lost = new Set<KeyId>(keys.map(({ id }) => id));
  const newest = new Map<SpiffeId, Pick<CredentialRow, 'index' | 'authority'>>();
  let count = 0;
  for (const rows of keeper.views.credentials.walk({ liveAt: unixSeconds(keeper.clock.now()) })) {
    for (const { index, authority, role, spiffeId } of rows) {
      if (lost.has(authority)) count += 1;
      if (role === 'agent' && index > (newest.get(spiffeId)?.index ?? -1)) newest.set(spiffeId, { index, authority });
    }
    await standAside();
  }
  const notMoved = [...newest]
    .filter(([, { authority }]) => lost.has(authority))
    .sort(([, one], [, other]) => other.index - one.index);
  return {
    liveCredentials: count,
    agentCount: notMoved.length,
    agentsNotMoved: notMoved.slice(0, MAX_AGENTS).map(([agent]) => agent),
  };
};
