import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { remoteAdminApi } from '../../src/adapters/http-client/remote-admin.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { encodePem } from '../../src/formats/pem.ts';
import { type Held, Journey } from '../support/journey.ts';
import type { ClientCertificate } from '../support/journey-client.ts';
import { runCommand } from '../support/run-command.ts';
import { ROOT } from '../support/source-tree.ts';

/** A workload that stands where the server should: it has a good certificate of the same roots, and the wrong name (DEC-18). */

let journey: Journey;
let ops: Held;
let workload: Held;
let agent: Held;
let folder: string;
const servers: Server[] = [];
let requests = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-false-server-'));
  journey = await Journey.start({
    configure: (server) => ({ ...server, names: { ...server.names, dnsNames: ['localhost'] } }),
  });
  await journey.entry('ops', { admin: { role: 'viewer', prefix: 'spiffe://example.org' } });
  // It even has the name of the host.
  await journey.entry('impostor', { dnsNames: ['localhost'] });
  ops = await journey.attest({ entry: 'ops' });
  workload = await journey.attest({ entry: 'impostor' });
  agent = await journey.attest({ agent: 'node' });
});
afterAll(async () => {
  for (const server of servers) server.close();
  await journey.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Answers everything with what a client would like to hear, under a certificate of somebody's own. */
const standIn = async ({ cert, keyPem }: ClientCertificate): Promise<URL> => {
  const server = createServer({ cert, key: keyPem, requestCert: true, rejectUnauthorized: false }, (_, response) => {
    requests += 1;
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"entries":[]}');
  });
  server.on('tlsClientError', () => undefined);
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return new URL(`https://localhost:${(server.address() as AddressInfo).port}`);
};

const bundle = (): string =>
  journey
    .roots()
    .map((der) => encodePem('CERTIFICATE', der))
    .join('');

const remote = (url: URL) =>
  remoteAdminApi({
    url,
    certificate: ops.cert,
    key: Buffer.from(ops.keyPem),
    bundle: bundle(),
    now: () => systemClock.now(),
  });

const list = { method: 'GET', path: '/v1/admin/entries' } as const;

test('the real one is spoken to', async () => {
  expect((await remote(new URL(journey.server.ready.api)).call(list)).body).toMatchObject({
    entries: expect.any(Array),
  });
});

test.each(['a workload', 'an agent', 'an administrator'])('%s in its place hears nothing', async (who) => {
  const held = { 'a workload': workload, 'an agent': agent, 'an administrator': ops }[who] ?? workload;
  const url = await standIn(held);
  await expect(remote(url).call(list)).rejects.toThrow(`${held.spiffeId} and not spiffe://example.org/mayfly/server`);
  expect(requests).toBe(0); // not even the question left
});

test('nor does the server of another installation, under the right name', async () => {
  const other = await Journey.start();
  await expect(remote(new URL(other.server.ready.api)).call(list)).rejects.toThrow('not good under the bundle');
  await other.stop();
});

/** `mayfly entry list` against a server elsewhere, with a key file of this mode. */
const listWith = (url: URL, keyMode: number) => {
  for (const [name, text] of [
    ['cert', ops.cert],
    ['key', ops.keyPem],
    ['bundle', bundle()],
  ] as const) {
    writeFileSync(join(folder, name), text);
  }
  chmodSync(join(folder, 'key'), keyMode);
  const flags = ['--server', url.origin, '--cert', join(folder, 'cert'), '--key', join(folder, 'key')];
  const program = [join(ROOT, 'bin/mayfly.js'), 'entry', 'list', ...flags, '--bundle', join(folder, 'bundle')];
  return runCommand(process.execPath, program);
};

test('the command line says who stood there, and ends with 3', async () => {
  const run = await listWith(await standIn(workload), 0o600);
  expect([run.code, run.stderr]).toEqual([3, expect.stringContaining('impostor and not')]);
  expect(requests).toBe(0);
});

test('an administrator’s key that others may read is not used, also with the real server', async () => {
  const real = new URL(journey.server.ready.api);
  const open = await listWith(real, 0o644);
  expect([open.code, open.stderr]).toEqual([2, expect.stringContaining('is open to group or others')]);
  expect((await listWith(real, 0o600)).code).toBe(0);
});

test('nobody gets a certificate with the name of the server', async () => {
  for (const path of ['/mayfly/server', '/mayfly']) {
    const entry = { spiffeId: `spiffe://example.org${path}`, selectors: ['test:1'] };
    await expect(journey.administer('POST', '/v1/admin/entries', entry)).rejects.toMatchObject({
      code: 'invalid_entry',
    });
  }
});
