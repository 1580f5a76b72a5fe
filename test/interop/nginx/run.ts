import { equal } from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:http';
import { request } from 'node:https';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spiffeIdOf } from '../../../examples/shared/spiffe-peer.ts';
import { start } from '../servers/foreign-server.ts';
import { check, finish } from '../servers/report.ts';
import { type Credential, withWorld, type World } from '../servers/world.ts';

// nginx takes SVIDs as client certificates: a user by the CN in the subject, and the SPIFFE ID read behind it.

const config = ({ folder, bundle, credentials: { server } }: World): string => `
daemon off;
master_process off;
error_log stderr notice;
pid ${folder}/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  map $ssl_client_s_dn $workload {
    default nobody;
    "~^CN=(?<cn>[a-z]+),O=example\\.org$" $cn;
  }
  map $workload $may_write { default 0; alice 1; }
  server {
    listen unix:${folder}/nginx.sock ssl;
    ssl_certificate ${server.cert};
    ssl_certificate_key ${server.key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_client_certificate ${bundle};
    ssl_verify_client on;
    ssl_verify_depth 2;
    location = /whoami { return 200 "$ssl_client_verify $workload $ssl_client_s_dn"; }
    location = /write {
      if ($may_write = 0) { return 403 "not $workload"; }
      return 200 "written by $workload";
    }
    location = /spiffe {
      proxy_set_header Client-Certificate $ssl_client_escaped_cert;
      proxy_pass http://unix:${folder}/backend.sock;
    }
  }
}
`;

const startBackend = async ({ folder }: World): Promise<() => void> => {
  const backend = createServer((incoming, outgoing) => {
    const { subjectAltName = '' } = new X509Certificate(
      decodeURIComponent(String(incoming.headers['client-certificate'])),
    );
    outgoing.end(spiffeIdOf({ subjectaltname: subjectAltName }) ?? 'none');
  });
  await new Promise<void>((resolve) => backend.listen(join(folder, 'backend.sock'), resolve));
  return () => backend.close();
};

await withWorld(async (world) => {
  const { folder, bundlePem, credentials } = world;
  writeFileSync(join(folder, 'nginx.conf'), config(world));
  const closeBackend = await startBackend(world);
  const nginx = await start({
    command: ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'],
    cwd: folder,
    ready: /using the "epoll" event method/,
    signal: 'SIGQUIT',
  });

  const ask = (path: string, client?: Credential, tls: object = {}): Promise<string> =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        {
          socketPath: join(folder, 'nginx.sock'),
          path,
          agent: false,
          ca: bundlePem,
          servername: 'localhost',
          ...(client && { cert: client.certPem, key: client.keyPem }),
          ...tls,
        },
        (incoming) => {
          let text = '';
          incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          incoming.once('end', () =>
            resolve(/<title>(.*)<\/title>/.exec(text)?.[1] ?? `${incoming.statusCode} ${text}`),
          );
        },
      );
      outgoing.setTimeout(10_000, () => outgoing.destroy(new Error('no answer')));
      outgoing.once('error', reject).end();
    });
  const { alice, bob, nameless, stranger } = credentials;

  try {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const tls = { minVersion: version, maxVersion: version };
      await check(`the CN is the user, ${version}`, async () =>
        equal(await ask('/whoami', alice, tls), '200 SUCCESS alice CN=alice,O=example.org'),
      );
    }
    await check('another CN is another user', async () =>
      equal(await ask('/whoami', bob), '200 SUCCESS bob CN=bob,O=example.org'),
    );
    await check('without a CN it is verified and nobody', async () =>
      equal(await ask('/whoami', nameless), '200 SUCCESS nobody O=example.org'),
    );
    await check('the user decides what it may do', async () => {
      equal(await ask('/write', alice), '200 written by alice');
      equal(await ask('/write', bob), '403 not bob');
    });
    await check('the SPIFFE ID reaches the application behind', async () => {
      for (const each of [alice, nameless]) equal(await ask('/spiffe', each), `200 ${each.spiffeId}`);
    });
    await check('no certificate is refused', async () =>
      equal(await ask('/whoami'), '400 No required SSL certificate was sent'),
    );
    await check('the same CN under another root is refused', async () =>
      equal(await ask('/whoami', stranger), '400 The SSL certificate error'),
    );
    await check('a leaf without its issuing CA is refused', async () => {
      const [leaf = ''] = alice.certPem.split(/(?<=-----END CERTIFICATE-----\n)/);
      equal(await ask('/whoami', { ...alice, certPem: leaf }), '400 The SSL certificate error');
    });
  } finally {
    await nginx.stop();
    closeBackend();
  }
});

finish();
