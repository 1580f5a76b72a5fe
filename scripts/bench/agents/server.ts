import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AdminApi, localAdminApi } from '../../../src/adapters/http-client/admin.ts';
import { onCore } from '../cores.ts';
import { freePort } from '../free-port.ts';

const LAUNCHER = fileURLToPath(new URL('../../../bin/mayfly.js', import.meta.url));
const START_MS = 30_000;
const POLL_MS = 100;
/** Connections beside the streams: a feed takes at most nine tenths of a front end's. */
const ROOM = 1.2;

export interface AgentsServer {
  readonly api: string;
  readonly admin: AdminApi;
  readonly pid: number;
  stop(): Promise<void>;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** `mayfly server run` on a prepared folder, with one front end on its core and room for so many streams. */
export const startAgentsServer = async (
  folder: string,
  dataDir: string,
  trustDomain: string,
  streams: number,
): Promise<AgentsServer> => {
  const config = join(folder, 'mayfly.yaml');
  const sealKey = join(folder, 'keys', 'seal.key');
  const socket = join(folder, 'run', 'admin.sock');
  mkdirSync(join(folder, 'keys'), { mode: 0o700 });
  copyFileSync(join(dataDir, 'seal.key'), sealKey);
  const ports = [await freePort(), await freePort(), await freePort()] as const;
  const address = '127.0.0.1';
  const server = {
    dataDir,
    api: { address, port: ports[0] },
    public: { address, port: ports[1] },
    metrics: { address, port: ports[2] },
    admin: { socket },
    frontEnds: 1,
    sealKey,
    limits: { connections: Math.ceil(streams * ROOM) + 100 },
  };
  // JSON is YAML.
  writeFileSync(config, JSON.stringify({ trustDomain, server }));
  const [program, args] = onCore('server', [process.execPath, LAUNCHER, 'server', 'run', '--config', config]);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  const admin = localAdminApi(socket);
  for (const deadline = Date.now() + START_MS; ; await wait(POLL_MS)) {
    if (child.exitCode !== null) throw new Error('the server ended before it was ready');
    if (Date.now() > deadline) throw new Error('the server is not ready');
    const isThere = await admin.call({ method: 'GET', path: '/v1/admin/server' }).then(
      () => true,
      () => false,
    );
    if (isThere) break;
  }
  return {
    api: `https://${address}:${ports[0]}`,
    admin,
    pid: child.pid ?? 0,
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      process.off('exit', kill);
    },
  };
};
