import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connectTls } from '../../../src/workload/index.ts';
import { start } from '../servers/foreign-server.ts';
import { serialOf, throughRotations, type Held } from './through-rotations.ts';
import type { World } from './world.ts';

const BIN = '/usr/lib/postgresql/15/bin';
const isRoot = process.getuid?.() === 0;
const idOf = (flag: '-u' | '-g'): number => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);

/** PostgreSQL refuses root, so that its own user runs it then. */
const asPostgres: readonly string[] = isRoot
  ? ['setpriv', `--reuid=${idOf('-u')}`, `--regid=${idOf('-g')}`, '--clear-groups', '--']
  : [];

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

const environment = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', HOME: '/nonexistent', PGCONNECT_TIMEOUT: '10' };

const prepare = (data: string, svid: string): void => {
  mkdirSync(data, { mode: 0o700 });
  if (isRoot) chownSync(data, idOf('-u'), idOf('-g'));
  const [command = '', ...args] = [
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
  const { status, stderr } = spawnSync(command, args, { cwd: data, encoding: 'utf8', env: environment });
  if (status !== 0) throw new Error(stderr);
  writeFileSync(join(data, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 trust clientcert=verify-ca\n');
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    ssl: 'on',
    ssl_cert_file: join(svid, 'svid.pem'),
    ssl_key_file: join(svid, 'svid_key.pem'),
    ssl_ca_file: join(svid, 'bundle.pem'),
    fsync: 'off',
    lc_messages: 'C',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
  writeFileSync(join(data, 'postgresql.auto.conf'), lines.join(''));
};

/** A session of psql. It reads certificate and key one after the other, so it is shown the folder of one revision. */
const openSession = (port: number, svid: string): Held => {
  const files = realpathSync(join(svid, '..data'));
  const connection =
    `host=127.0.0.1 port=${port} user=postgres dbname=postgres sslmode=verify-ca sslrootcert=${files}/bundle.pem ` +
    `sslcert=${files}/svid.pem sslkey=${files}/svid_key.pem`;
  const child = spawn('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', connection], { env: environment });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (complaint += chunk));
  const ended = once(child, 'close').then(() => Promise.reject(new Error(`psql ended: ${complaint}`)));
  ended.catch(() => undefined);
  return {
    async use() {
      const answer = once(child.stdout, 'data', { signal: AbortSignal.timeout(10_000) });
      child.stdin.write('select ssl from pg_stat_ssl where pid = pg_backend_pid();\n');
      const [said] = (await Promise.race([answer, ended])) as [Buffer];
      if (said.toString() !== 't\n') throw new Error(`psql says ${said.toString()}`);
    },
    end: () => void child.stdin.end(),
  };
};

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

export const postgresql = async ({ folder, policy, fetch }: World): Promise<void> => {
  const svid = join(folder, 'postgresql');
  const data = join(folder, 'pgdata');
  const owner = isRoot ? ['--owner', 'postgres'] : [];
  await fetch(svid, ...owner, '--signal', 'HUP', '--pid-file', join(data, 'postmaster.pid'));
  prepare(data, svid);
  const port = await freePort();
  const [command = '', ...args] = [...asPostgres, join(BIN, 'postgres'), '-D', data, '-p', String(port)];
  const server = await start({
    command: [command, ...args],
    cwd: data,
    ready: /ready to accept connections/,
    signal: 'SIGINT',
  });
  try {
    await throughRotations({
      name: 'PostgreSQL',
      async once() {
        const session = openSession(port, svid);
        await session.use();
        session.end();
        const socket = connectTcp(port, '127.0.0.1');
        socket.write(SSL_REQUEST);
        await once(socket, 'data');
        const secured = await connectTls(policy, { socket });
        const serial = serialOf(secured);
        secured.on('error', () => undefined).destroy();
        return serial;
      },
      hold: async () => {
        const session = openSession(port, svid);
        await session.use();
        return session;
      },
    });
  } finally {
    await server.stop();
  }
};
