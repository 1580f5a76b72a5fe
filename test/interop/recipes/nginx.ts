import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { start } from '../servers/foreign-server.ts';
import { httpTrial, startBackend } from './http.ts';
import { throughRotations } from './through-rotations.ts';
import type { World } from './world.ts';

const config = (folder: string, svid: string): string => `
daemon off;
error_log stderr notice;
pid ${folder}/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/nginx-body;
  proxy_temp_path ${folder}/nginx-proxy;
  fastcgi_temp_path ${folder}/nginx-fastcgi;
  uwsgi_temp_path ${folder}/nginx-uwsgi;
  scgi_temp_path ${folder}/nginx-scgi;
  server {
    listen unix:${folder}/nginx.sock ssl;
    ssl_certificate ${svid}/svid.pem;
    ssl_certificate_key ${svid}/svid_key.pem;
    ssl_client_certificate ${svid}/bundle.pem;
    ssl_verify_client on;
    ssl_verify_depth 2;
    ssl_session_cache off;
    ssl_session_tickets off;
    location / {
      proxy_buffering off;
      proxy_pass http://unix:${folder}/nginx-backend.sock;
    }
  }
}
`;

export const nginx = async ({ folder, policy, fetch }: World): Promise<void> => {
  const svid = join(folder, 'nginx');
  await fetch(svid, '--exec', `test ! -e ${folder}/nginx.pid || nginx -s reload -c ${folder}/nginx.conf -e stderr`);
  writeFileSync(join(folder, 'nginx.conf'), config(folder, svid));
  const closeBackend = await startBackend(join(folder, 'nginx-backend.sock'));
  const server = await start({
    command: ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'],
    cwd: folder,
    ready: /start worker process/,
    signal: 'SIGTERM',
  });
  try {
    await throughRotations(httpTrial('nginx', policy, join(folder, 'nginx.sock')));
  } finally {
    closeBackend();
    await server.stop();
  }
};
