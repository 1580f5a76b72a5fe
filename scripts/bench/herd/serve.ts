// The server as people run it, with ports that stay the same and lives short enough to see what happens at their end.
import { join } from 'node:path';
import { devConfig } from '../../../src/compose/dev-config.ts';
import { startServer } from '../../../src/compose/server.ts';

const [dataDir = '', trustDomain = '', agentTtl = '', ...ports] = process.argv.slice(2);
const [port = 0, publicPort = 0, metricsPort = 0] = ports.map(Number);

const config = devConfig({
  trustDomain,
  dataDir,
  adminSocket: join(dataDir, 'admin.sock'),
  port,
  publicPort,
  frontEnds: 1,
});
const { ttl, metrics } = config.server;
const server = await startServer(
  {
    ...config,
    server: {
      ...config.server,
      ttl: { ...ttl, agent: Number(agentTtl) },
      metrics: { ...metrics, port: metricsPort },
    },
  },
  { dev: true },
);
process.send?.(server.ready);
process.once('SIGTERM', () => void server.stop().then(() => process.exit(0)));
