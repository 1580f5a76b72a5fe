import { LocalPeers, openAdminListener } from '../adapters/http/admin-listener.ts';
import { buildApp } from '../adapters/http/app.ts';
import { networkPeers } from '../adapters/http/peer.ts';
import { type ListeningAt, serverRoutes } from '../adapters/http/routes/admin-server.ts';
import { metricsRoutes } from '../adapters/http/routes/metrics.ts';
import { withOpenApi } from '../adapters/http/routes/openapi.ts';
import { createHttpServer, type HttpServer } from '../adapters/http/server.ts';
import { peerCredentials } from '../adapters/system/peer-credentials.ts';
import type { Delays } from '../ports/timers.ts';
import type { Config } from './config.ts';
import { type Addresses, type FrontEnd, portsOf } from './front-end.ts';
import { packageVersion } from './version.ts';

export interface OperationsParts {
  readonly config: Config;
  readonly frontEnd: FrontEnd;
  readonly addresses: Addresses;
  readonly delays: Delays;
  /** The numbers of all front ends. */
  readonly collect: () => Promise<string>;
}

const listening = ({ server }: Config, addresses: Addresses): ListeningAt[] => {
  const ports = portsOf(addresses);
  return (['api', 'public'] as const).map((name) => ({ name, address: server[name].address, port: ports[name] }));
};

/** The listeners for operators, in the main thread only: the admin socket, and probes and metrics on loopback. */
export const openOperations = async (parts: OperationsParts): Promise<readonly HttpServer[]> => {
  const { config, frontEnd, addresses, delays, collect } = parts;
  const version = packageVersion();
  const listeners = listening(config, addresses);
  const routes = withOpenApi(
    [...frontEnd.routes(addresses), ...metricsRoutes({ collect }), ...serverRoutes(version, () => listeners)],
    { version },
  );
  const ownUid = process.getuid?.() ?? 0;
  const peers = new LocalPeers(peerCredentials, ownUid, frontEnd.services.logger);
  const admin = await openAdminListener({
    path: config.server.admin.socket,
    app: buildApp(routes, 'admin', frontEnd.services, peers.peerOf).listener,
    peers,
    ownUid,
    delays,
    onConnections: (open) => frontEnd.metrics.connections('admin', open),
  });
  const app = buildApp(routes, 'metrics', frontEnd.services, networkPeers()).listener;
  const metrics = createHttpServer({ app, delays });
  const { address, port } = config.server.metrics;
  listeners.push({ name: 'metrics', address, port: await metrics.listen({ host: address, port }) });
  return [admin, metrics];
};
