import { Agent } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';
import { Admission } from '../../../src/adapters/http/admission.ts';
import { aggregateMetrics } from '../../../src/adapters/http/metrics.ts';
import { defineRoute, type Route } from '../../../src/adapters/http/route.ts';
import { post } from '../../support/direct-server.ts';
import { ask, type Asked, startServer, testServices } from '../../support/http.ts';

const reads = (path: string, more: Partial<Route> = {}): Route =>
  post(path, (body) => ({ body: { read: body } }), more);

const routes: readonly Route[] = [
  reads('/ordinary'),
  reads('/oauth', { errorStyle: 'oauth' }),
  reads('/svids', { admission: 'reserved', isRenewal: (octets) => octets.includes('renew') }),
  reads('/probe', { admission: 'always' }),
  reads('/things/:id'),
];

/** A server on which as many places of four are taken. */
const serverWith = async (taken: number) => {
  const services = testServices({ admission: { most: 4, least: 4, backlogMs: 1 } });
  for (let count = 0; count < taken; count += 1) services.admission.enter('always');
  const { server, port } = await startServer(routes, { services });
  const tell = (path: string, body: string, more: Partial<Asked> = {}) =>
    ask({
      port,
      method: 'POST',
      path,
      body,
      ...more,
      headers: { 'content-type': 'application/octet-stream', ...more.headers },
    });
  return { services, port, tell, close: () => server.close() };
};

test.each([
  [1, { '/ordinary': 200, '/svids': 200, '/svids renew': 200, '/probe': 200, '/things/1': 200 }],
  [2, { '/ordinary': 503, '/svids': 200, '/svids renew': 200, '/probe': 200, '/things/1': 503 }],
  [3, { '/ordinary': 503, '/svids': 503, '/svids renew': 200, '/probe': 200, '/things/1': 503 }],
  [4, { '/ordinary': 503, '/svids': 503, '/svids renew': 503, '/probe': 200, '/things/1': 503 }],
])('with %s of four places taken', async (taken, expected) => {
  const { tell, close } = await serverWith(taken);
  const seen: Record<string, number> = {};
  for (const what of Object.keys(expected)) {
    const [path = '', body = 'other'] = what.split(' ');
    seen[what] = (await tell(path, body)).status;
  }
  expect(seen).toEqual(expected);
  await close();
});

test('whoever is turned away hears when to come back, on a connection that stays', async () => {
  // AS-08
  const { tell, close } = await serverWith(4);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (const [path, member, word] of [
    ['/ordinary', 'code', 'busy'],
    ['/svids?a=b', 'code', 'busy'],
    ['/oauth', 'error', 'temporarily_unavailable'],
  ] as const) {
    const answer = await tell(path, 'x'.repeat(40_000), { agent });
    expect([answer.status, answer.headers['retry-after'], answer.headers['connection']]).toEqual([
      503,
      '1',
      'keep-alive',
    ]);
    expect(answer.json()[member]).toBe(word);
    expect(answer.headers['cache-control']).toBe('no-store');
  }
  expect((await tell('/probe', 'still there', { agent })).json()).toEqual({ read: 'still there' });
  agent.destroy();
  await close();
});

test.each([
  ['too long for one', 'renew'.repeat(4000), {}],
  ['of no announced length', 'renew', { 'transfer-encoding': 'chunked', 'content-length': '' }],
])('a renewal is not a body %s', async (_name, body, headers) => {
  const { tell, port, close } = await serverWith(3);
  if (body.length > 5) {
    expect((await tell('/svids', body)).status).toBe(503);
  } else {
    const socket = connect(port, '127.0.0.1');
    const head = Object.entries(headers).flatMap(([name, value]) => (value === '' ? [] : [`${name}: ${value}`]));
    socket.write(`POST /svids HTTP/1.1\r\nhost: x\r\n${head.join('\r\n')}\r\n\r\n5\r\n${body}\r\n0\r\n\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 503 /);
    socket.destroy();
  }
  await close();
});

test('a renewal whose body comes in pieces is put together', async () => {
  const { port, close } = await serverWith(3);
  const socket = connect(port, '127.0.0.1');
  const answer = once(socket, 'data') as Promise<[Buffer]>;
  socket.write(
    'POST /svids HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\ncontent-length: 9\r\n\r\nre',
  );
  await new Promise((resolve) => setImmediate(resolve));
  socket.write('new');
  await new Promise((resolve) => setImmediate(resolve));
  socket.write(' now');
  expect((await answer)[0].toString()).toContain('{"read":"renew now"}');
  socket.destroy();
  await close();
});

test('what comes of a body after its refusal is thrown away, and the connection goes on', async () => {
  const { port, close } = await serverWith(4);
  const socket = connect(port, '127.0.0.1');
  const head = 'host: x\r\ncontent-type: application/octet-stream\r\n';
  // More than a request keeps while nobody reads it.
  const body = 'x'.repeat(400_000);
  for (const first of ['', 'xx']) {
    socket.write(`POST /ordinary HTTP/1.1\r\n${head}content-length: ${body.length}\r\n\r\n${first}`);
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 503 /);
    socket.write(body.slice(first.length));
    socket.write(`POST /probe HTTP/1.1\r\n${head}content-length: 5\r\n\r\nthere`);
    expect(String((await once(socket, 'data'))[0])).toContain('{"read":"there"}');
  }
  socket.destroy();
  await close();
});

test('bodies that do not come take no place', async () => {
  const { services, port, tell, close } = await serverWith(0);
  const head = 'POST /ordinary HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\ncontent-length: 9\r\n';
  const sockets = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const socket = connect(port, '127.0.0.1');
      socket.write(`${head}expect: 100-continue\r\n\r\n`);
      await once(socket, 'data');
      socket.write('1234');
      return socket;
    }),
  );
  expect((await tell('/ordinary', 'whole')).json()).toEqual({ read: 'whole' });
  expect(services.admission.inFlight).toBe(0);
  for (const socket of sockets) socket.destroy();
  await close();
});

test('what is turned away is counted like the rest', async () => {
  const { services, tell, close } = await serverWith(4);
  const read = async () => aggregateMetrics([await services.metrics.serialise()]);
  await tell('/ordinary', 'a');
  expect(await read()).toContain('{listener="api",method="POST",route="/ordinary",status="503"} 1');
  await tell('/ordinary', 'b');
  await tell('/svids', 'c');
  const text = await read();
  expect(text).toContain('{listener="api",method="POST",route="/ordinary",status="503"} 2');
  expect(text).toContain('mayfly_refusals_total{listener="api",code="busy"} 3');
  await close();
});

test('a server with room for nobody says so for HEAD as well, without a body', async () => {
  const route = defineRoute({
    method: 'GET',
    path: '/document',
    listeners: ['api'],
    summary: 'a document',
    access: { kind: 'none' },
    answers: [],
    refusals: [],
    handle: () => ({ body: {} }),
  });
  const services = { ...testServices(), admission: new Admission({ most: 0, least: 0, backlogMs: 1 }) };
  const { server, port } = await startServer([route], { services });
  const answer = await ask({ port, method: 'HEAD', path: '/document' });
  expect([answer.status, answer.headers['retry-after'], answer.text]).toEqual([503, '1', '']);
  await server.close();
});
