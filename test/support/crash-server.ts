import { join } from 'node:path';
import { devConfig } from '../../src/compose/dev-config.ts';
import { startServer } from '../../src/compose/server.ts';
import { type KillPoint, killAt } from './kill-points.ts';

// `mayfly dev --json`, but that it ends by SIGKILL at a point: crash-server.ts FOLDER POINT AFTER.
const [dataDir = '', point = '', after = '0'] = process.argv.slice(2);
const config = devConfig({
  trustDomain: 'example.org',
  dataDir,
  adminSocket: join(dataDir, 'admin.sock'),
  port: 0,
  publicPort: 0,
  frontEnds: 1,
});
const server = await startServer(config, { dev: true, testing: killAt(point as KillPoint, Number(after)) });
process.stdout.write(`${JSON.stringify({ ready: true, ...server.ready, pid: process.pid })}\n`);
void server.fatal.then(() => process.exit(3));
