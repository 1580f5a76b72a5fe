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

/** What hangs on every key. Others come in between while it is counted, and change which keys are about to go. */
export interface LiveTally {
  readonly credentials: ReadonlyMap<KeyId, number>;
  readonly newest: ReadonlyMap<SpiffeId, Pick<CredentialRow, 'index' | 'authority'>>;
}

export const NO_TALLY: LiveTally = { credentials: new Map(), newest: new Map() };

/**
 * Walks all live credentials whose place in the log is below `before`, and stands aside in between: for an operator's rare
 * command, not for a request of a workload.
 */
export const tallyLive = async (
  keeper: { readonly views: Pick<Views, 'credentials'> } & Pick<AuthorityKeeper, 'clock'>,
  standAside: StandAside,
  before = Infinity,
): Promise<LiveTally> => {
  const credentials = new Map<KeyId, number>();
  const newest = new Map<SpiffeId, Pick<CredentialRow, 'index' | 'authority'>>();
  for (const rows of keeper.views.credentials.walk({ liveAt: unixSeconds(keeper.clock.now()) })) {
    for (const { index, authority, role, spiffeId } of rows) {
      if (index >= before) continue;
      credentials.set(authority, (credentials.get(authority) ?? 0) + 1);
      if (role === 'agent' && index > (newest.get(spiffeId)?.index ?? -1)) newest.set(spiffeId, { index, authority });
    }
    await standAside();
  }
  return { credentials, newest };
};

export const impactOf = ({ credentials, newest }: LiveTally, keys: readonly Authority[]): AuthorityImpact => {
  const lost = new Set<KeyId>(keys.map(({ id }) => id));
  const notMoved = [...newest]
    .filter(([, { authority }]) => lost.has(authority))
    .sort(([, one], [, other]) => other.index - one.index);
  return {
    liveCredentials: [...lost].reduce((sum, id) => sum + (credentials.get(id) ?? 0), 0),
    agentCount: notMoved.length,
    agentsNotMoved: notMoved.slice(0, MAX_AGENTS).map(([agent]) => agent),
  };
};
