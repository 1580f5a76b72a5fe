import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { initServer } from '../../src/compose/init-server.ts';
import { encodePem } from '../../src/formats/pem.ts';
import { runCommand } from '../support/run-command.ts';
import { ROOT } from '../support/source-tree.ts';
import { newCa, newKey } from '../support/x509.ts';

/** `mayfly server run` with key files that others can read: it says which, and does not start (DEC-26). */

const folder = mkdtempSync(join(tmpdir(), 'mayfly-key-files-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const refusalWith = async (server: object): Promise<string> => {
  writeFileSync(at('run.yaml'), stringify({ trustDomain: 'example.org', server: { ...base, ...server } }));
  const program = [join(ROOT, 'bin/mayfly.js'), 'server', 'run', '--config', at('run.yaml')];
  const { code, stderr } = await runCommand(process.execPath, program, {
    onLine: (_, child) => child.kill('SIGKILL'),
  });
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^mayfly: the server does not start: .*\n$/)]);
  return stderr;
};

const listener = { address: '127.0.0.1', port: 0 };
const base = {
  dataDir: at('data'),
  sealKey: at('keys/seal.key'),
  admin: { socket: at('data/admin.sock') },
  api: listener,
  public: listener,
  metrics: listener,
  frontEnds: 1,
};

let certFile: string;

beforeAll(async () => {
  initServer({
    file: at('mayfly.yaml'),
    trustDomain: 'example.org',
    dataDir: base.dataDir,
    sealKey: base.sealKey,
    adminSocket: base.admin.socket,
  });
  const seconds = Math.floor(Date.now() / 1000);
  const life = { notBefore: seconds - 60, notAfter: seconds + 365 * 86_400 };
  const { certificate, key } = await newCa(undefined, newKey(), life);
  certFile = at('root.pem');
  writeFileSync(certFile, encodePem('CERTIFICATE', certificate.der));
  mkdirSync(at('given'), { mode: 0o700 });
  writeFileSync(at('given/key.pem'), key.privateKey.export({ type: 'pkcs8', format: 'pem' }));
});

test.each([
  ['others', 0o404],
  ['its group', 0o440],
])('a seal key that %s may read', async (_who, mode) => {
  chmodSync(base.sealKey, mode);
  expect(await refusalWith({})).toContain('seal.key is open to group or others: chmod 0400 it');
  chmodSync(base.sealKey, 0o400);
});

test('the key of a root of one’s own', async () => {
  chmodSync(at('given/key.pem'), 0o640);
  const root = { kind: 'files', certFile, keyFile: at('given/key.pem') };
  expect(await refusalWith({ root })).toContain('key.pem is open to group or others');
});

test('the key of the public listener', async () => {
  chmodSync(at('given/key.pem'), 0o644);
  const certificate = { certFile, keyFile: at('given/key.pem') };
  expect(await refusalWith({ public: { ...listener, certificate } })).toContain('key.pem is open to group or others');
});

test('a link to a key that is closed, since somebody else may lead it elsewhere', async () => {
  symlinkSync(base.sealKey, at('link.key'));
  expect(await refusalWith({ sealKey: at('link.key') })).toContain('is a symbolic link');
});

test('a data folder in which others may put files', async () => {
  chmodSync(base.dataDir, 0o777);
  expect(await refusalWith({})).toContain('chmod 0700');
  chmodSync(base.dataDir, 0o700);
});
