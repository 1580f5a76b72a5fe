import type { PresenceReader } from '../../../usecases/agent-presence.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import type { Route } from '../route.ts';
import { agentRoutes } from './admin-agents.ts';
import { applyRoutes } from './admin-apply.ts';
import { credentialRoutes } from './admin-credentials.ts';
import { entryRoutes } from './admin-entries.ts';
import { explainRoutes } from './admin-explain.ts';
import { joinTokenRoutes } from './admin-join-tokens.ts';
import { resourceRoutes } from './admin-resources.ts';
import { revocationRoutes } from './admin-revocations.ts';

/** Everything that administers what an issuer issues: all but its authorities, which have parts of their own. */
export const adminRoutes = (issuer: Issuer, presence: PresenceReader): readonly Route[] => [
  ...entryRoutes(issuer),
  ...applyRoutes(issuer),
  ...resourceRoutes(issuer),
  ...revocationRoutes(issuer, presence),
  ...agentRoutes(issuer, presence),
  ...credentialRoutes(issuer),
  ...explainRoutes(issuer),
  ...joinTokenRoutes(issuer),
];
