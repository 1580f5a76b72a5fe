import { LocalPeers, openAdminListener } from '../adapters/http/admin-listener.ts';
import { buildApp } from '../adapters/http/app.ts';
import { networkPeers } from '../adapters/http/peer.ts';
import { metricsRoutes } from '../adapters/http/routes/metrics.ts';
import { withOpenApi } from '../adapters/http/routes/openapi.ts';
import { createHttpServer, type HttpServer } from '../adapters/http/server.ts';
import { peerCredentials } from '../adapters/system/peer-credentials.ts';
import type { Delays } from '../ports/timers.ts';
import type { Addresses, FrontEnd } from './front-end.ts';
import type { Config } from './config.ts';
import { packageVersion } from './version.ts';

export interface OperationsParts {
  readonly config: Config;
  readonly frontEnd: FrontEnd;
  readonly addresses: Addresses;
  readonly delays: Delays;
  /** The numbers of all front ends. */
  readonly collect: () => Promise<string>;
}

/** The listeners for operators, in the main thread only: the admin socket, and probes and metrics on loopback. */
export const openOperations = async (parts: OperationsParts): Promise<readonly HttpServer[]> => {
  const { config, frontEnd, addresses, delays, collect } = parts;
  const routes = withOpenApi([...frontEnd.routes(addresses), ...metricsRoutes({ collect })], {
    version: packageVersion(),
  });
  const ownUid = process.getuid?.() ?? 0;
  const peers = new LocalPeers(peerCredentials, ownUid, frontEnd.services.logger);
  const admin = await openAdminListener({
    path: config.server.admin.socket,
    app: buildApp(routes, 'admin', frontEnd.services, peers.peerOf),
    peers,
    ownUid,
    delays,
    onConnections: (open) => frontEnd.metrics.connections('admin', open),
  });
  const metrics = createHttpServer({ app: buildApp(routes, 'metrics', frontEnd.services, networkPeers()), delays });
  await metrics.listen({ host: config.server.metrics.address, port: config.server.metrics.port });
  return [admin, metrics];
};
