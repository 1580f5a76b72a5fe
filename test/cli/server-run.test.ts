import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initServer } from '../../src/compose/init-server.ts';
import { DatagramSocket } from '../support/datagram-socket.ts';
import { readLedger } from '../support/journey.ts';
import { runCommand } from '../support/run-command.ts';
import { ROOT } from '../support/source-tree.ts';

/** `mayfly server run` on a folder that `mayfly server init` made, as an operator meets it. */
const folder = mkdtempSync(join(tmpdir(), 'mayfly-run-'));
const at = (name: string): string => join(folder, name);
const file = at('mayfly.yaml');

beforeAll(() =>
  initServer({
    file,
    trustDomain: 'example.org',
    dataDir: at('data'),
    sealKey: at('keys/seal.key'),
    adminSocket: at('admin.sock'),
  }),
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const FREE = ['api', 'public', 'metrics'].flatMap((name) => ['--set', `server.${name}.port=0`]);
const LOCAL = ['api', 'public'].flatMap((name) => ['--set', `server.${name}.address=127.0.0.1`]);

const run = (set: readonly string[] = [], onReady?: () => Promise<unknown>, config = file, env = {}) => {
  const told: Promise<unknown>[] = [];
  const args = [
    'server',
    'run',
    '--json',
    '--config',
    config,
    ...FREE,
    ...LOCAL,
    '--set',
    'server.frontEnds=1',
    ...set,
  ];
  const ended = runCommand(process.execPath, [join(ROOT, 'bin', 'mayfly.js'), ...args], {
    env,
    onLine: (line, child) => {
      if (!line.includes('"ready":')) return;
      told.push((onReady?.() ?? Promise.resolve()).finally(() => child.kill('SIGTERM')));
    },
  });
  return ended.then(async (result) => {
    await Promise.all(told);
    return result;
  });
};

const authorities = (): readonly string[] =>
  readLedger(at('data'), (views) => views.authorities.list().map(({ id }) => id));

test('the first start makes the authorities, a stop ends with 0, the next start keeps them', async () => {
  expect(await run()).toMatchObject({ code: 0, signal: null });
  const made = authorities();
  expect(made).toHaveLength(7);
  expect(await run()).toMatchObject({ code: 0, signal: null });
  expect(authorities()).toEqual(made);
});

test('a second server on the folder says so in one sentence and ends with 1', async () => {
  let second: unknown;
  await run([], async () => {
    second = await run(['--set', `server.admin.socket=${at('other.sock')}`]);
  });
  expect(second).toMatchObject({ code: 1 });
  expect((second as { stdout: string }).stdout).toContain('another Mayfly server is running on');
});

test('a port that is taken is named, with what finds the listener', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const { port } = holder.address() as AddressInfo;
  const { code, stdout } = await run(['--set', `server.api.port=${port}`]);
  holder.close();
  expect(code).toBe(1);
  expect(stdout).toContain(`the server does not start: 127.0.0.1 port ${port} is taken; mayfly server check says`);
});

test('a service manager hears when the server is ready, how it is, and that it stops', async () => {
  const manager = new DatagramSocket(at('notify'));
  await run([], undefined, file, { NOTIFY_SOCKET: at('notify') });
  expect([...new Set(manager.take())]).toEqual(['WATCHDOG=1\nSTATUS=ready', 'READY=1', 'STOPPING=1\nSTATUS=stopping']);
  manager.close();
});

test('a server that waits for its offline root has started, and says what it waits for', async () => {
  const manager = new DatagramSocket(at('waiting'));
  const other = ['--set', `server.dataDir=${at('offline')}`, '--set', 'server.root.kind=offline'];
  initServer({
    file: at('offline.yaml'),
    trustDomain: 'example.org',
    dataDir: at('offline'),
    sealKey: at('keys/offline.key'),
    adminSocket: at('admin.sock'),
  });
  await run([...other, '--set', `server.sealKey=${at('keys/offline.key')}`], undefined, file, {
    NOTIFY_SOCKET: at('waiting'),
  });
  const [status = '', ...rest] = manager.take();
  expect(status).toContain('STATUS=not ready: probe: no issuing CA is signed yet');
  expect(rest.at(0)).toBe('READY=1');
  manager.close();
});

test('a service manager that cannot be told is a note, and stops nothing', async () => {
  const { code, stderr } = await run([], undefined, file, { NOTIFY_SOCKET: at('nobody') });
  expect(code).toBe(0);
  expect(stderr.match(/the service manager was not told/g)).toHaveLength(1);
});

const secret = (name: string, mode: number): string => {
  writeFileSync(at(name), new Uint8Array(32).fill(3));
  chmodSync(at(name), mode);
  return at(name);
};

test.each([
  ['another seal key', () => ['--set', `server.sealKey=${secret('other.key', 0o400)}`], /does not unseal/],
  ['a seal key for all', () => ['--set', `server.sealKey=${secret('open.key', 0o444)}`], /chmod 0400/],
  ['no seal key', () => ['--set', `server.sealKey=${at('none.key')}`], /does not exist/],
  ['another data folder', () => ['--set', `server.dataDir=${at('nowhere')}`], /mayfly server init makes it/],
  ['another trust domain', () => ['--set', 'trustDomain=other.org'], /belongs to trust domain example\.org/],
])('%s is one sentence and ends with 1', async (_name, set, words) => {
  const { code, stdout } = await run(set());
  const { error } = JSON.parse(stdout) as { error: { detail: string; hints: string[] } };
  expect([code, error.hints]).toEqual([1, []]);
  expect(error.detail).toMatch(/^the server does not start: [^\n]+$/);
  expect(error.detail).toMatch(words);
});

test('every problem of a configuration is told at once, with 2', async () => {
  writeFileSync(at('bad.yaml'), 'trustDomain: Not A Name\nserver:\n  metrics: {address: 0.0.0.0}\n  ttl: {x509: 3d}\n');
  const { code, stdout } = await run([], undefined, at('bad.yaml'));
  const { problems } = JSON.parse(stdout) as { problems: { key: string }[] };
  expect(code).toBe(2);
  expect(problems.map(({ key }) => key)).toEqual(['trustDomain', 'server.metrics.address', 'server.ttl.x509']);
  expect(readFileSync(at('bad.yaml'), 'utf8')).toContain('Not A Name');
});
