import { buildApp } from '../../src/adapters/http/app.ts';
import { callerChecks } from '../../src/adapters/http/callers.ts';
import { networkPeers } from '../../src/adapters/http/peer.ts';
import { syncRoutes } from '../../src/adapters/http/routes/sync.ts';
import { createHttpServer } from '../../src/adapters/http/server.ts';
import type { AgentFeed } from '../../src/adapters/http/sync/agent-feed.ts';
import { systemTimers } from '../../src/adapters/system/timers.ts';
import type { Issuer } from '../../src/usecases/issuer.ts';
import { changingIdentity, newTlsIdentity, testServices } from './http.ts';

/** A feed of agents over real TLS. `meanwhile` happens once a caller was found good, before it is let in. Close it. */
export const serveFeed = async (issuer: Issuer, feed: AgentFeed, meanwhile: () => Promise<void>) => {
  const checks = callerChecks(issuer);
  const services = testServices({
    callers: {
      ...checks,
      caller: async (...args) => {
        const caller = await checks.caller(...args);
        await meanwhile();
        return caller;
      },
    },
  });
  const routes = syncRoutes(issuer, feed, () => undefined);
  const server = createHttpServer({
    app: buildApp(routes, 'api', services, networkPeers()).listener,
    delays: systemTimers,
    tls: { identity: changingIdentity(await newTlsIdentity()), clientCertificates: true },
    upgrades: true,
  });
  const api = `https://127.0.0.1:${await server.listen({ host: '127.0.0.1', port: 0 })}`;
  return { api, close: () => server.close() };
};
