import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { connect } from 'node:net';
import { defineRoute } from '../../../src/adapters/http/route.ts';
import { createHttpServer } from '../../../src/adapters/http/server.ts';
import { systemTimers } from '../../../src/adapters/system/timers.ts';
import { ask, changingIdentity, newTlsIdentity, startServer } from '../../support/http.ts';

/** Answers when told. */
const gate = () => {
  const entered = Promise.withResolvers<void>();
  const open = Promise.withResolvers<void>();
  const route = defineRoute({
    method: 'GET',
    path: '/slow',
    listeners: ['api'],
    summary: 'waits',
    access: { kind: 'none' },
    answers: [],
    refusals: [],
    handle: async () => {
      entered.resolve();
      await open.promise;
      return { body: { slow: true } };
    },
  });
  return { entered: entered.promise, open: open.resolve, route };
};

const hello = defineRoute({
  method: 'GET',
  path: '/hello',
  listeners: ['api', 'public'],
  summary: 'says hello',
  access: { kind: 'none' },
  answers: [],
  refusals: [],
  handle: () => ({ body: { hello: true } }),
});

/** Everything that a connection says until it ends. */
const readAll = (port: number, write: string): Promise<string> => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  socket.once('error', () => resolve(text));
  socket.once('close', () => resolve(text));
  socket.write(write);
  return promise;
};

describe('limits of a connection', () => {
  const limits = { headersTimeout: 150, requestTimeout: 300, checkInterval: 50, maxHeaderBytes: 2048 };

  test('headers that never end are cut off', async () => {
    const { server, port } = await startServer([hello], { limits });
    const text = await readAll(port, 'GET /hello HTTP/1.1\r\nhost: x\r\nx-slow: ');
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    expect(text).toContain('application/problem+json');
    await server.close();
  });

  test('a connection that never says anything is cut off', async () => {
    const { server, port } = await startServer([hello], { limits });
    expect(await readAll(port, '')).not.toContain('200 OK');
    await server.close();
  });

  test('a body that never ends is cut off', async () => {
    const route = defineRoute({ ...hello, method: 'POST', path: '/raw', bodyKind: 'raw', handle: () => ({}) });
    const { server, port } = await startServer([route], { limits });
    const head = 'POST /raw HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\ncontent-length: 9\r\n\r\n';
    expect(await readAll(port, `${head}1234`)).not.toContain(' 204 ');
    await server.close();
  });

  test.each([
    ['too many header bytes', `GET / HTTP/1.1\r\nx: ${'y'.repeat(4096)}\r\n\r\n`, 431],
    ['not HTTP', 'hello there\r\n\r\n', 400],
    ['two lengths', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx', 400],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
  ])('%s is answered with a problem and closed', async (_name, bytes, status) => {
    const { server, port } = await startServer([hello], { limits });
    const text = await readAll(port, bytes);
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(JSON.parse(text.slice(text.indexOf('{')))).toMatchObject({ status });
    await server.close();
  });

  test('plain HTTP stays on this machine', async () => {
    // AS-04
    const server = createHttpServer({ app: () => {}, delays: systemTimers });
    await expect(server.listen({ host: '0.0.0.0', port: 0 })).rejects.toThrow('loopback');
    await expect(server.listen({ host: '::', port: 0 })).rejects.toThrow('loopback');
  });

  test('a port that is taken is an error', async () => {
    const { server, port } = await startServer([hello]);
    const second = createHttpServer({ app: () => {}, delays: systemTimers });
    await expect(second.listen({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await server.close();
  });

  test('front ends share a port', async () => {
    // DEC-1
    const identity = changingIdentity(await newTlsIdentity());
    const make = () =>
      createHttpServer({
        app: (_request, response) => response.end(),
        delays: systemTimers,
        tls: { identity, clientCertificates: true },
      });
    const [first, second] = [make(), make()];
    const port = await first.listen({ host: '127.0.0.1', port: 0, reusePort: true });
    expect(await second.listen({ host: '127.0.0.1', port, reusePort: true })).toBe(port);
    await Promise.all([first.close(), second.close()]);
  });
});

describe('closing', () => {
  test('what was accepted is answered, idle connections go, new ones are refused', async () => {
    // DEC-37
    const { entered, open, route } = gate();
    const { server, port } = await startServer([hello, route]);
    const idle = new Agent({ keepAlive: true });
    await ask({ port, path: '/hello', agent: idle });
    const idleSocket = Object.values(idle.freeSockets).flat()[0];
    const idleClosed = new Promise((resolve) => idleSocket?.once('close', resolve));
    const silent = connect(port, '127.0.0.1');
    const silentClosed = new Promise((resolve) => silent.once('close', resolve));
    await new Promise((resolve) => silent.once('connect', resolve));
    const busy = new Agent({ keepAlive: true });
    const slow = ask({ port, path: '/slow', agent: busy });
    await entered;
    const closed = server.close();
    await idleClosed;
    await expect(ask({ port, path: '/hello' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    open();
    const answer = await slow;
    expect(answer).toMatchObject({ status: 200, text: '{"slow":true}' });
    expect(answer.headers['connection']).toBe('close');
    await closed;
    await silentClosed;
    busy.destroy();
    idle.destroy();
  });

  test('the same over TLS, with a large answer still on its way', async () => {
    const entered = Promise.withResolvers<void>();
    const open = Promise.withResolvers<void>();
    const size = 4 * 1024 * 1024;
    const route = defineRoute({
      ...hello,
      path: '/large',
      handle: async () => {
        entered.resolve();
        await open.promise;
        return { body: Buffer.alloc(size, 0x61) };
      },
    });
    const { server, port } = await startServer([route], { identity: changingIdentity(await newTlsIdentity()) });
    const agent = new TlsAgent({ keepAlive: true });
    const slow = ask({ port, tls: true, path: '/large', agent });
    await entered.promise;
    const closed = server.close();
    open.resolve();
    expect((await slow).text).toHaveLength(size);
    await closed;
    agent.destroy();
  });

  test('nobody holds up the end', async () => {
    const { entered, route } = gate();
    const { server, port } = await startServer([route], { limits: { closeTimeout: 100 } });
    const slow = ask({ port, path: '/slow' });
    const cut = slow.then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    );
    await entered;
    await server.close();
    expect(await cut).toBe('ECONNRESET');
  });
});
