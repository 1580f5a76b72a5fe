import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { localApi } from '../../../src/adapters/workload-attestors/local-api.ts';
import { encodePem } from '../../../src/formats/pem.ts';
import { issueLeaf, leafPlan, newCa, newKey } from '../../support/x509.ts';

/** Long enough for whatever the clock of the machine says: TLS asks that one. */
const LIFE = { notBefore: 1_577_836_800, notAfter: 2_493_072_000 };
const LIMITS = { timeoutMs: 2_000, maxBytes: 1_000 };

const folder = mkdtempSync(join(tmpdir(), 'mayfly-local-tls-'));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

let server: Server;
let url: string;
let caFile: string;
let strangeCaFile: string;
const seen: IncomingHttpHeaders[] = [];

beforeAll(async () => {
  const ca = await newCa(undefined, newKey(), LIFE);
  const strange = await newCa(undefined, newKey(), LIFE);
  caFile = file('ca.pem', encodePem('CERTIFICATE', ca.certificate.der));
  strangeCaFile = file('strange.pem', encodePem('CERTIFICATE', strange.certificate.der));
  const key = newKey();
  const cert = encodePem('CERTIFICATE', await issueLeaf(ca, leafPlan(ca, key, { ...LIFE, dnsNames: ['node-1'] })));
  server = createServer({ cert, key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }) }, (request, response) => {
    seen.push(request.headers);
    response.end('{}');
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => seen.splice(0));

test('a server under its authority and by its name is asked, with the token as it is now', async () => {
  const tokenFile = file('token', 'first\n');
  const api = localApi({ url, caFile, serverName: 'node-1', tokenFile }, LIMITS);
  expect(String(await api('/pods'))).toBe('{}');
  file('token', 'second\n');
  await api('/pods');
  expect(seen.map(({ authorization }) => authorization)).toEqual(['Bearer first', 'Bearer second']);
});

test.each([
  ['under another authority', () => ({ caFile: strangeCaFile, serverName: 'node-1' })],
  ['under another name', () => ({ caFile, serverName: 'node-2' })],
  ['without the address that was called', () => ({ caFile })],
])('a server %s hears nothing, and so no token', async (_name, endpoint) => {
  const tokenFile = file('token', 'secret');
  await expect(localApi({ url, tokenFile, ...endpoint() }, LIMITS)('/pods')).rejects.toThrow(/certificate|altnames/);
  expect(seen).toEqual([]);
});

test.each([
  ['empty', ''],
  ['two words', 'a b'],
  ['a header of its own', 'a\nx-more: b'],
  ['far too long', 'a'.repeat(16 * 1024 + 1)],
])('a token file that is %s is an error that does not show it', async (_name, text) => {
  const tokenFile = file('token', text);
  const asked = localApi({ url, caFile, serverName: 'node-1', tokenFile }, LIMITS)('/pods');
  await expect(asked).rejects.toThrow(/^the token file holds no token$/);
});

test.each([
  ['ca file', 'caFile'],
  ['token file', 'tokenFile'],
])('a missing %s is an error', async (_name, member) => {
  const endpoint = { url, caFile, [member]: join(folder, 'none') };
  await expect(localApi(endpoint, LIMITS)('/pods')).rejects.toThrow('ENOENT');
});

test.each([
  ['plain http', 'http://127.0.0.1:10255'],
  ['a path', 'https://127.0.0.1:10250/pods'],
  ['a query', 'https://127.0.0.1:10250/?a'],
  ['credentials', 'https://a:b@127.0.0.1:10250'],
  ['no URL', '127.0.0.1:10250'],
])('%s is refused at once', (_name, bad) => {
  expect(() => localApi({ url: bad, caFile }, LIMITS)).toThrow(RangeError);
});
