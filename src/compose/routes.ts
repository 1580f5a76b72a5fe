import { adminRoutes } from '../adapters/http/routes/admin.ts';
import { authorityRoutes } from '../adapters/http/routes/admin-authorities.ts';
import { attestRoutes } from '../adapters/http/routes/attest.ts';
import { helloRoutes } from '../adapters/http/routes/hello.ts';
import { tokenRoutes } from '../adapters/http/routes/oauth-token.ts';
import { type Readiness, probeRoutes } from '../adapters/http/routes/probes.ts';
import { publicDocumentRoutes } from '../adapters/http/routes/public-documents.ts';
import { svidRoutes } from '../adapters/http/routes/svids.ts';
import { syncRoutes } from '../adapters/http/routes/sync.ts';
import { validateRoutes } from '../adapters/http/routes/validate.ts';
import type { RateLimits } from '../adapters/http/limits.ts';
import type { Route } from '../adapters/http/route.ts';
import type { AgentFeed } from '../adapters/http/sync/agent-feed.ts';
import type { PresenceReader } from '../usecases/agent-presence.ts';
import type { AuthorityManager } from '../usecases/draft-authority-change.ts';
import type { FleetMemory } from '../usecases/greet-agent.ts';
import type { Issuer } from '../usecases/issuer.ts';
import { CurrentDocuments } from '../usecases/current-documents.ts';
import { attestorsOf } from './attestors.ts';
import type { Config } from './config.ts';

export interface RouteParts {
  readonly config: Config;
  readonly issuer: Issuer;
  readonly keeper: AuthorityManager;
  readonly fleet: FleetMemory;
  readonly challengeKey: Uint8Array;
  readonly limits: RateLimits;
  readonly feed: AgentFeed;
  readonly presence: PresenceReader;
  readonly readiness: () => Readiness;
  /** How callers with a client certificate reach us. */
  readonly apiUrl: string;
}

/** The whole route table of a front end; each listener serves the part that names it. */
export const frontEndRoutes = (parts: RouteParts): readonly Route[] => {
  const { config, issuer, keeper, fleet, challengeKey, limits, feed, presence, readiness, apiUrl } = parts;
  const { jwtIssuer } = issuer.policy;
  const documents = new CurrentDocuments(
    issuer.views,
    jwtIssuer === undefined ? undefined : { public: jwtIssuer, api: apiUrl },
  );
  const ownRate = (entry: string | undefined): number | undefined =>
    entry === undefined ? undefined : issuer.views.entries.get(entry)?.limits?.signingsPerSecond;
  return [
    ...attestRoutes({ ...issuer, challengeKey, attestors: attestorsOf(config, issuer) }),
    ...svidRoutes(issuer, ({ spiffeId, role, row }, count) =>
      limits.signings(spiffeId, role === 'agent' ? 'agent' : 'workload', count, ownRate(row.entry)),
    ),
    ...tokenRoutes(issuer, ({ spiffeId, row }) => limits.signings(spiffeId, 'workload', 1, ownRate(row.entry))),
    ...helloRoutes(issuer, fleet, ({ certificate, source }) => limits.hello(certificate?.leaf, source)),
    ...syncRoutes(issuer, feed, ({ spiffeId }) => limits.feed(spiffeId)),
    ...validateRoutes(issuer, ({ spiffeId, role, row }) =>
      limits.validation(spiffeId, role === 'agent' ? 'agent' : 'workload', ownRate(row.entry)),
    ),
    ...adminRoutes(issuer, presence),
    ...authorityRoutes(issuer, keeper),
    ...publicDocumentRoutes(documents),
    ...probeRoutes({ readiness }),
  ];
};
