import { equal, match } from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { start, type Started } from '../servers/foreign-server.ts';
import { check, finish } from '../servers/report.ts';
import { type Credential, withWorld, type World } from '../servers/world.ts';

// PostgreSQL 15 takes SVIDs in place of passwords: the CN is the role, or is mapped to one, or the whole subject is.

const BIN = '/usr/lib/postgresql/15/bin';

/** PostgreSQL refuses root, so that its own user runs it then. */
const idOf = (flag: '-u' | '-g'): number => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
const isRoot = process.getuid?.() === 0;
const asPostgres: readonly string[] = isRoot
  ? ['setpriv', `--reuid=${idOf('-u')}`, `--regid=${idOf('-g')}`, '--clear-groups', '--']
  : [];

const give = (...paths: readonly string[]): void => {
  if (isRoot) for (const path of paths) chownSync(path, idOf('-u'), idOf('-g'));
};

const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};

const HBA = `
local   all     postgres                trust
hostssl direct  all       127.0.0.1/32  trust clientcert=verify-full
hostssl mapped  all       127.0.0.1/32  cert  map=by_name
hostssl subject all       127.0.0.1/32  cert  clientname=DN map=by_subject
`;

const IDENT = `
by_name     alice                         reader
by_name     bob                           writer
by_subject  "CN=alice,O=example.org"      writer
by_subject  "/^(CN=[a-z]+,)?O=example.org$" reader
`;

const SQL = `
create role alice login; create role bob login; create role reader login; create role writer login;
create database direct; create database mapped; create database subject;
`;

/** Copies what the server shows into its data folder, where the key belongs to the one that runs it. */
const configure = (data: string, { bundle, credentials: { server }, folder }: World): void => {
  copyFileSync(server.cert, join(data, 'server.crt'));
  copyFileSync(server.key, join(data, 'server.key'));
  copyFileSync(bundle, join(data, 'bundle.pem'));
  chmodSync(join(data, 'server.key'), 0o600);
  writeFileSync(join(data, 'pg_hba.conf'), HBA);
  writeFileSync(join(data, 'pg_ident.conf'), IDENT);
  give(...readdirSync(data).map((name) => join(data, name)));
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: folder,
    ssl: 'on',
    ssl_ca_file: 'bundle.pem',
    ssl_min_protocol_version: 'TLSv1.2',
    fsync: 'off',
    lc_messages: 'C',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
  writeFileSync(join(data, 'postgresql.auto.conf'), lines.join(''));
};

const startPostgres = (data: string, port: number): Promise<Started> => {
  const [file = '', ...args] = [...asPostgres, join(BIN, 'postgres'), '-D', data, '-p', String(port)];
  return start({ command: [file, ...args], cwd: data, ready: /ready to accept connections/, signal: 'SIGINT' });
};

interface Answer {
  readonly status: number | null;
  readonly text: string;
}

const psql = (connection: string, sql: string): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', HOME: '/nonexistent', PGCONNECT_TIMEOUT: '10' };
    const child = spawn('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', connection], { env });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    }
    child.once('error', reject).once('close', (status) => resolve({ status, text: text.trim() }));
    child.stdin.end(sql);
  });

await withWorld(async (world) => {
  const { folder, bundle, credentials } = world;
  const data = join(folder, 'data');
  mkdirSync(data, { mode: 0o700 });
  // The socket of the cluster lies in the folder.
  give(data, folder);
  const [initdb = '', ...options] = [
    ...asPostgres,
    join(BIN, 'initdb'),
    '-D',
    data,
    '-U',
    'postgres',
    '-A',
    'trust',
    '-N',
  ];
  const made = spawnSync(initdb, options, {
    cwd: folder,
    encoding: 'utf8',
    env: { LC_ALL: 'C', PATH: process.env['PATH'] ?? '' },
  });
  if (made.status !== 0 || !existsSync(join(data, 'PG_VERSION'))) throw new Error(made.stderr);
  configure(data, world);
  const port = await freePort();
  const postgres = await startPostgres(data, port);

  const as = (database: string, user: string, client: Credential | undefined, more = ''): Promise<Answer> =>
    psql(
      `host=localhost hostaddr=127.0.0.1 port=${port} dbname=${database} user=${user} sslmode=verify-full ` +
        `sslrootcert=${bundle} ` +
        (client === undefined ? 'sslcert=/nonexistent' : `sslcert=${client.cert} sslkey=${client.key}`) +
        ` ${more}`,
      'select current_user, ssl, version, client_dn from pg_stat_ssl where pid = pg_backend_pid();',
    );
  const lets = async (answer: Promise<Answer>, row: string): Promise<void> => equal((await answer).text, row);
  const refuses = async (answer: Promise<Answer>, why: RegExp): Promise<void> => {
    const { status, text } = await answer;
    match(text, why);
    equal(status, 2);
  };
  const { alice, bob, nameless, stranger } = credentials;
  const dn = '/O=example.org/CN=alice';

  try {
    equal((await psql(`host=${folder} port=${port} user=postgres dbname=postgres`, SQL)).text, '');
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
      const limits = `ssl_min_protocol_version=${version} ssl_max_protocol_version=${version}`;
      await check(`the CN is the role, ${version}`, () =>
        lets(as('direct', 'alice', alice, limits), `alice|t|${version}|${dn}`),
      );
    }
    await check('the CN is mapped to a role', async () => {
      await lets(as('mapped', 'reader', alice), `reader|t|TLSv1.3|${dn}`);
      await lets(as('mapped', 'writer', bob), 'writer|t|TLSv1.3|/O=example.org/CN=bob');
    });
    await check('the subject is mapped to a role', () =>
      lets(as('subject', 'writer', alice), `writer|t|TLSv1.3|${dn}`),
    );
    await check('a subject without CN is mapped too', () =>
      lets(as('subject', 'reader', nameless), 'reader|t|TLSv1.3|/O=example.org'),
    );
    await check('the role of another CN is refused', () =>
      refuses(as('direct', 'bob', alice), /authentication failed for user "bob"/),
    );
    await check('a role that the map does not give is refused', async () => {
      await refuses(as('mapped', 'writer', alice), /certificate authentication failed/);
      await refuses(as('subject', 'writer', bob), /certificate authentication failed/);
      await refuses(as('mapped', 'alice', alice), /certificate authentication failed/);
    });
    await check('without a CN there is no role by CN', () =>
      refuses(as('direct', 'alice', nameless), /authentication failed/),
    );
    await check('no certificate is refused', () =>
      refuses(as('direct', 'alice', undefined), /requires a valid client certificate/),
    );
    await check('the same CN under another root is refused', () =>
      refuses(as('direct', 'alice', stranger), /unknown ca|closed the connection|reset by peer/),
    );
    await check('a server of another name is refused by the client', () =>
      refuses(
        as('direct', 'alice', alice, 'host=db.example.org'),
        /server certificate for .* does not match host name/,
      ),
    );
  } finally {
    await postgres.stop();
  }
});

finish();
