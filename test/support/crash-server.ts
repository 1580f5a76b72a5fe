import { join } from 'node:path';
import { devConfig } from '../../src/compose/dev-config.ts';
import { startServer } from '../../src/compose/server.ts';
import { type KillPoint, killAt } from './kill-points.ts';

// `mayfly dev --json`, but that it ends by SIGKILL at a point: crash-server.ts FOLDER POINT AFTER.
// Or its disk is full after so many pages: crash-server.ts FOLDER full-disk PAGES.
const [dataDir = '', point = '', after = '0'] = process.argv.slice(2);
const config = devConfig({
  trustDomain: 'example.org',
  dataDir,
  adminSocket: join(dataDir, 'admin.sock'),
  port: 0,
  publicPort: 0,
  frontEnds: 1,
});
const testing =
  point === 'full-disk' ? { ledger: { maxPages: Number(after) } } : killAt(point as KillPoint, Number(after));
const server = await startServer(config, { dev: true, testing });
process.stdout.write(`${JSON.stringify({ ready: true, ...server.ready, pid: process.pid })}\n`);
void server.fatal.then(() => process.exit(3));
