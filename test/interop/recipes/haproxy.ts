import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { start } from '../servers/foreign-server.ts';
import { httpTrial, startBackend } from './http.ts';
import { throughRotations } from './through-rotations.ts';
import type { World } from './world.ts';

const config = (folder: string, svid: string): string => `
global
  master-worker
  pidfile ${folder}/haproxy.pid
  tune.ssl.cachesize 0
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend in
  bind unix@${folder}/haproxy.sock ssl crt ${svid}/haproxy.pem ca-file ${svid}/bundle.pem verify required no-tls-tickets
  default_backend program
backend program
  server program unix@${folder}/haproxy-backend.sock
`;

export const haproxy = async ({ folder, policy, fetch }: World): Promise<void> => {
  const svid = join(folder, 'haproxy');
  const file = join(folder, 'haproxy.cfg');
  await fetch(svid, '--combined-name', 'haproxy.pem', '--signal', 'USR2', '--pid-file', join(folder, 'haproxy.pid'));
  writeFileSync(file, config(folder, svid));
  const closeBackend = await startBackend(join(folder, 'haproxy-backend.sock'));
  const server = await start({
    command: ['haproxy', '-W', '-db', '-f', file],
    cwd: folder,
    ready: /Loading success/,
    signal: 'SIGTERM',
  });
  try {
    await throughRotations(httpTrial('HAProxy', policy, join(folder, 'haproxy.sock')));
  } finally {
    closeBackend();
    await server.stop();
  }
};
