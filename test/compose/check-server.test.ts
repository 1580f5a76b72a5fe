import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ledgerFile, openForWriting } from '../../src/adapters/sqlite/open.ts';
import { checkServer, roomProblem } from '../../src/compose/check-server.ts';
import type { Finding } from '../../src/compose/finding.ts';
import type { Config } from '../../src/compose/config.ts';
import { allowFounding } from '../../src/compose/founding.ts';
import { initServer } from '../../src/compose/init-server.ts';
import { startServer } from '../../src/compose/server.ts';
import { keepingLogger } from '../support/http.ts';
import { folderAt } from '../support/reseal-world.ts';
import { newKey } from '../support/x509.ts';

/** What `mayfly server check` says of a folder that a server has used. */
let folder: string;
const at = (name: string): string => join(folder, name);

const configured = (more: object = {}, trustDomain = 'example.org'): Config =>
  folderAt(folder, more, trustDomain).config;

const wrong = async (config: Config): Promise<readonly (readonly [string, string])[]> =>
  (await checkServer(config)).filter(({ ok }) => !ok).map(({ what, detail }) => [what, detail] as const);

const secret = (name: string, content: string | Uint8Array, mode = 0o400): string => {
  writeFileSync(at(name), content);
  chmodSync(at(name), mode);
  return at(name);
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-check-'));
  initServer({
    file: at('mayfly.yaml'),
    trustDomain: 'example.org',
    dataDir: at('data'),
    sealKey: at('keys/seal.key'),
    adminSocket: at('a.sock'),
  });
  const fresh = await checkServer(configured());
  expect(fresh.find(({ what }) => what === 'authority keys')).toMatchObject({ ok: true });
  await (await startServer(configured(), { logger: keepingLogger() })).stop();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a folder that a server has used is all right, and every key in it opens', async () => {
  const findings = await checkServer(configured());
  expect(findings.filter(({ ok }) => !ok)).toEqual([]);
  // Two roots, an issuing CA, two keys of each JWT purpose (DEC-22).
  expect(findings.find(({ what }) => what === 'authority keys')?.detail).toBe('7 keys opened');
});

test('another seal key opens none of them', async () => {
  const found = await wrong(configured({ sealKey: secret('other.key', new Uint8Array(32).fill(7)) }));
  expect(found).toEqual([
    ['authority keys', expect.stringMatching(/^7 of 7 do not open; the key \S+ \(.*\) does not unseal/)],
  ]);
});

test.each([
  ['that others may read', 0o644, 32, 'is open to group or others'],
  ['of another length', 0o400, 31, 'does not hold 32 bytes'],
])('a seal key %s is named, with what to do', async (_name, mode, length, words) => {
  const sealKey = secret(`bad-${mode}-${length}`, new Uint8Array(length), mode);
  const found = await wrong(configured({ sealKey }));
  expect(found[0]).toEqual(['seal key', expect.stringContaining(words)]);
});

test('a seal key that is not there is named', async () => {
  const found = await wrong(configured({ sealKey: at('none.key') }));
  expect(found[0]).toEqual(['seal key', expect.stringContaining('does not exist')]);
});

const withMigrations = async (change: string): Promise<readonly Finding[]> => {
  const root = mkdtempSync(at('copy-'));
  cpSync(at('data'), root, { recursive: true });
  chmodSync(root, 0o700);
  const db = openForWriting(ledgerFile(root));
  db.exec(change);
  db.close();
  return checkServer(configured({ dataDir: root }));
};

test('a store from before an upgrade is said to be brought forward by the next start', async () => {
  const findings = await withMigrations('DELETE FROM migration WHERE version = (SELECT max(version) FROM migration)');
  expect(findings.find(({ what }) => what === 'store')).toMatchObject({
    ok: true,
    detail: expect.stringMatching(/ledger\.db; the next start brings its schema forward \(1 migration\)$/) as string,
  });
});

test('a store that a newer version wrote is named', async () => {
  const findings = await withMigrations(`INSERT INTO migration VALUES (99, 'x', 'y')`);
  expect(findings.find(({ what }) => what === 'store')?.detail).toContain('the store has schema 99');
});

test('a store that is damaged is named, on one line', async () => {
  const root = mkdtempSync(at('copy-'));
  cpSync(at('data'), root, { recursive: true });
  chmodSync(root, 0o700);
  const store = readFileSync(ledgerFile(root));
  // The last page: what leads to it is whole.
  writeFileSync(ledgerFile(root), store.fill(0x5a, store.length - 4096));
  const found = (await checkServer(configured({ dataDir: root }))).find(({ what }) => what === 'store');
  expect(found?.detail).toMatch(/is damaged: \*\*\* in database main \*\*\* /);
  expect(found?.detail).not.toContain('\n');
});

test('the store of another trust domain is named', async () => {
  expect(await wrong(configured({}, 'other.org'))).toEqual([
    ['store', expect.stringContaining('belongs to trust domain example.org, not other.org')],
  ]);
});

test('a store that knows less than its head file is named (DEC-11)', async () => {
  const head = JSON.parse(readFileSync(at('data/head.json'), 'utf8')) as { size: number };
  writeFileSync(at('newer.json'), JSON.stringify({ ...head, size: head.size + 1 }));
  expect(await wrong(configured({ headFile: at('newer.json') }))).toEqual([
    [
      'store',
      expect.stringMatching(/the head file knows more than the store.*; what to do stands in docs\/operations.md/),
    ],
  ]);
});

test('a head file that cannot be written is named', async () => {
  expect(await wrong(configured({ headFile: at('gone/head.json') }))).toEqual([
    ['head file', expect.stringContaining('cannot be written (ENOENT)')],
  ]);
});

test('a data folder that others can enter, or that is missing, is named', async () => {
  mkdirSync(at('open'), { mode: 0o755 });
  allowFounding(at('open'));
  expect(await wrong(configured({ dataDir: at('open') }))).toEqual([
    ['data folder', expect.stringContaining('chmod 0700')],
  ]);
  expect(await wrong(configured({ dataDir: at('nowhere') }))).toEqual([
    ['data folder', expect.stringContaining('mayfly server init makes it')],
  ]);
});

test('a full disk is named; a file system that does not tell is none', () => {
  const blocks = 1_000_000;
  const bsize = 4096;
  expect(roomProblem({ blocks, bsize, bavail: 0 })).toBe(
    'the disk is full, with 0 KiB left: make room, or a server that writes ends',
  );
  expect(roomProblem({ blocks, bsize, bavail: 2047 })).toContain('8188 KiB left');
  expect(roomProblem({ blocks, bsize, bavail: 2048 })).toBeUndefined();
  expect(roomProblem({ blocks: 0, bsize, bavail: 0 })).toBeUndefined();
});

test('an admin socket in a folder that others can enter is named', async () => {
  mkdirSync(at('shared'), { mode: 0o755 });
  expect(await wrong(configured({ admin: { socket: at('shared/a.sock') } }))).toEqual([
    ['admin socket', expect.stringContaining('chmod 0700')],
  ]);
});

test('an admin socket in a folder that is a link is named: the start does not follow it', async () => {
  mkdirSync(at('linked-to'), { mode: 0o700 });
  symlinkSync(at('linked-to'), at('link'));
  expect(await wrong(configured({ admin: { socket: at('link/a.sock') } }))).toEqual([
    ['admin socket', `${at('link')} is not a folder`],
  ]);
});

const asRoot = process.geteuid?.() === 0 ? test : (): void => undefined;
asRoot('an admin socket in a folder of another user than the data folder is named, to root too', async () => {
  mkdirSync(at('foreign'), { mode: 0o700 });
  chownSync(at('foreign'), 54_321, 54_321);
  expect(await wrong(configured({ admin: { socket: at('foreign/a.sock') } }))).toEqual([
    ['admin socket', `${at('foreign')} belongs to user 54321, not to the server's, 0: chown it`],
  ]);
});

asRoot('a head file in a folder that the owner of the data folder cannot write to is named, to root too', async () => {
  mkdirSync(at('heads'), { mode: 0o755 });
  chownSync(at('data'), 54_321, 54_321);
  const found = await wrong(configured({ headFile: at('heads/head.json') }));
  chownSync(at('data'), 0, 0);
  expect(found).toContainEqual([
    'head file',
    `the folder of the head file, ${at('heads')}, belongs to user 0, and user 54321 cannot write to it: chown it`,
  ]);
});

test('every port that is taken is named', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as AddressInfo;
  const found = await wrong(configured({ api: { address: '127.0.0.1', port } }));
  await new Promise((resolve) => taken.close(resolve));
  expect(found).toEqual([['api listener', expect.stringContaining(`port ${port} is taken`)]]);
});

const listenOn = async (port: number): Promise<Server> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
};

const freePorts = async (): Promise<readonly number[]> => {
  const held = [await listenOn(0), await listenOn(0), await listenOn(0)];
  const ports = held.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
};

test('beside a running server its own ports are told apart from those of others', async () => {
  const [api = 0, open = 0, metrics = 0] = await freePorts();
  const address = '127.0.0.1';
  const ports = { api: { address, port: api }, public: { address, port: open }, metrics: { port: metrics } };
  const server = await startServer(configured(ports), { logger: keepingLogger() });
  const other = await listenOn(0);
  const taken = (other.address() as AddressInfo).port;
  try {
    const findings = await checkServer(configured(ports));
    expect(findings.filter(({ ok }) => !ok)).toEqual([]);
    expect(findings.filter(({ what }) => what.endsWith('listener')).map(({ detail }) => detail)).toEqual(
      [api, open, metrics].map((port) => `127.0.0.1 port ${port}, open by the server that is running`),
    );
    // What the next start would ask for: ports that change places are free by then.
    const swapped = { ...ports, api: { address, port: open }, public: { address, port: api } };
    expect(await wrong(configured(swapped))).toEqual([]);
    expect(await wrong(configured({ ...ports, api: { address, port: taken } }))).toEqual([
      ['api listener', `127.0.0.1 port ${taken} is taken`],
    ]);
    // Nobody answers there: whose ports they are, nobody knows.
    expect((await wrong(configured({ ...ports, admin: { socket: at('b.sock') } }))).length).toBe(3);
  } finally {
    other.close();
    await server.stop();
  }
});

test('a brought root without a certificate in its file is named, and so is a public key of something else', async () => {
  const keyPem = newKey().privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const keyFile = secret('some.pem', keyPem);
  const certFile = secret('empty.pem', 'nothing\n');
  const found = await wrong(
    configured({
      root: { kind: 'files', certFile, keyFile },
      public: { address: '127.0.0.1', port: 0, certificate: { certFile, keyFile } },
    }),
  );
  expect(found.map(([what]) => what)).toEqual(['root certificate', 'public certificate', 'root key', 'public key']);
});
