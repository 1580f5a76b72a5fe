import type { AgentNumbers } from '../adapters/http/agent-metrics.ts';
import type { AgentIdentity } from '../agent/agent-identity.ts';
import type { ServerFollower } from '../agent/follow-server.ts';
import type { Holdings } from '../agent/holdings.ts';
import type { Clock } from '../ports/clock.ts';

export interface AgentReadinessParts {
  readonly identity: AgentIdentity;
  readonly holdings: Pick<Holdings, 'status' | 'mayServe'>;
  readonly follower: Pick<ServerFollower, 'isCurrent' | 'lastHeard'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly connections: () => number;
}

export interface AgentReadiness {
  /** Why workloads are not served, each in a few words; empty when they are. */
  reasons(): readonly string[];
  numbers(): AgentNumbers;
}

const STATES = {
  starting: 'it has no identity yet',
  identified: undefined,
  locked: 'its renewal has stopped: another key renewed its SVID, see mayfly agent unlock',
  expired: 'its SVID has ended',
  revoked: 'its identity was revoked',
  banned: 'it is banned',
  unproven: 'its evidence is not accepted',
} as const;

/** How an agent stands, for probes, metrics and the service manager. */
export const agentReadiness = (parts: AgentReadinessParts): AgentReadiness => {
  const { identity, holdings, follower, clock, connections } = parts;
  return {
    reasons: () => {
      // What stands in its own way counts only once that keeps it from serving: workloads outlive the server (P5).
      if (holdings.mayServe) return [];
      const { state, problem } = identity.status();
      const own = STATES[state];
      const told = problem === undefined ? [] : [problem];
      return own === undefined ? ['the server has not been heard, or not for too long', ...told] : [own, ...told];
    },
    numbers: () => {
      const { entries, svids, soonestExpiry, denialsDropped } = holdings.status();
      const now = clock.now();
      const heard = follower.lastHeard();
      const own = identity.current();
      return {
        connected: follower.isCurrent(),
        ...(heard !== undefined && { secondsSinceHeard: (now - heard) / 1000 }),
        ...(own && { ownSvidSeconds: own.notAfter - now / 1000 }),
        entries,
        svids,
        ...(soonestExpiry !== undefined && { soonestExpirySeconds: soonestExpiry - now / 1000 }),
        connections: connections(),
        denialsDropped,
      };
    },
  };
};
