import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { type Held, Journey } from '../support/journey.ts';

// P2: callers are checked before their body is read, and the body may come as late as they like.

let journey: Journey;
beforeAll(async () => {
  journey = await Journey.start();
});
afterAll(() => journey.stop());

/** Sends the head of a request, and comes back when the server waits for its body: the caller was let in. */
const begin = async (caller: Held, path: string, body: string): Promise<TLSSocket> => {
  const { hostname, port } = new URL(journey.server.ready.api);
  const socket = connect({
    host: hostname,
    port: Number(port),
    cert: caller.cert,
    key: caller.keyPem,
    rejectUnauthorized: false,
  });
  await once(socket, 'secureConnect');
  socket.setEncoding('utf8');
  const head = ['Host: api', 'Content-Type: application/json', `Content-Length: ${body.length}`, 'Connection: close'];
  socket.write(`POST ${path} HTTP/1.1\r\n${head.join('\r\n')}\r\nExpect: 100-continue\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [string];
  expect(answer).toContain('100 Continue');
  // An answer to somebody else, so that the server has had its turn.
  await journey.api().ask('/livez');
  return socket;
};

const finish = async (socket: TLSSocket, body: string): Promise<number> => {
  let text = '';
  socket.on('data', (chunk: string) => {
    text += chunk;
  });
  socket.write(body);
  await once(socket, 'close');
  return Number(/HTTP\/1\.1 (\d{3})/.exec(text)?.[1]);
};

const administrator = async (id: string): Promise<Held> => {
  await journey.entry(id, { admin: { role: 'registrar', prefix: 'spiffe://example.org' } });
  return journey.attest({ entry: id });
};

const TOKEN = JSON.stringify({ agent: true });

test('an administrator who is revoked while the body comes does nothing with it', async () => {
  const admin = await administrator('late');
  const socket = await begin(admin, '/v1/admin/join-tokens', TOKEN);
  await journey.revoke({ kind: 'identity', value: admin.spiffeId });
  const before = journey.size();
  expect(await finish(socket, TOKEN)).toBe(401);
  // Nothing but the refusal is on record.
  expect(journey.size()).toBe(before + 1);
});

test('nor one who is no administrator any more', async () => {
  const admin = await administrator('demoted');
  const socket = await begin(admin, '/v1/admin/join-tokens', TOKEN);
  await journey.administer('PUT', '/v1/admin/entries/demoted', {
    spiffeId: admin.spiffeId,
    selectors: ['test:1'],
  });
  expect(await finish(socket, TOKEN)).toBe(403);
});

test('one who still is does', async () => {
  const admin = await administrator('patient');
  const socket = await begin(admin, '/v1/admin/join-tokens', TOKEN);
  expect(await finish(socket, TOKEN)).toBe(201);
});
