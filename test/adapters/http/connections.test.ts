import { once } from 'node:events';
import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { networkPeers } from '../../../src/adapters/http/peer.ts';
import { defineRoute } from '../../../src/adapters/http/route.ts';
import { ask, changingIdentity, newTlsIdentity, startServer } from '../../support/http.ts';

const hello = defineRoute({
  method: 'GET',
  path: '/hello',
  listeners: ['api'],
  summary: 'says hello',
  access: { kind: 'none' },
  answers: [],
  refusals: [],
  handle: () => ({ body: { hello: true } }),
});

const take = defineRoute({ ...hello, method: 'POST', path: '/take', bodyKind: 'raw', handle: () => ({}) });

const large = defineRoute({ ...hello, path: '/large', handle: () => ({ body: Buffer.alloc(16 * 1024 * 1024) }) });

const gate = () => {
  const entered = Promise.withResolvers<void>();
  const open = Promise.withResolvers<void>();
  const route = defineRoute({
    ...hello,
    path: '/slow',
    handle: async () => {
      entered.resolve();
      await open.promise;
      return { body: { slow: true } };
    },
  });
  return { entered: entered.promise, open: open.resolve, route };
};

const open = async (port: number, write = ''): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  if (write !== '') socket.write(write);
  return socket;
};

const closed = (socket: Socket): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.resume();
  if (socket.closed) resolve();
  else socket.once('close', () => resolve());
  return promise;
};

const ASK = 'GET /hello HTTP/1.1\r\nhost: x\r\n\r\n';

describe('when there are too many', () => {
  const limits = { maxConnections: 3 };

  test('the oldest that never asked anything goes, and those that asked stay', async () => {
    const { server, port } = await startServer([hello], { limits });
    const known = await open(port, ASK);
    await once(known, 'data');
    const silent = await open(port);
    const slow = await open(port, 'GET /hello HTTP/1.1\r\nhost: x\r\nx-slow: ');
    const silentGoes = closed(silent);
    expect((await ask({ port, path: '/hello' })).status).toBe(200);
    await silentGoes;
    // The last one has closed by itself, so one fits in before another has to go.
    const third = await open(port, ASK);
    await once(third, 'data');
    const slowGoes = closed(slow);
    expect((await ask({ port, path: '/hello' })).status).toBe(200);
    await slowGoes;
    known.write(ASK);
    expect(String(await once(known, 'data'))).toContain('200 OK');
    for (const socket of [known, third]) socket.destroy();
    await server.close();
  });

  test('then the one that asked longest ago', async () => {
    const { server, port } = await startServer([hello], { limits });
    const sockets: Socket[] = [];
    for (let count = 0; count < 3; count += 1) {
      const socket = await open(port, ASK);
      await once(socket, 'data');
      sockets.push(socket);
    }
    const [first, second, third] = sockets as [Socket, Socket, Socket];
    first.write(ASK);
    await once(first, 'data');
    const goes = closed(second);
    expect((await ask({ port, path: '/hello' })).status).toBe(200);
    await goes;
    expect([first.closed, third.closed]).toEqual([false, false]);
    for (const socket of sockets) socket.destroy();
    await server.close();
  });

  test.each([
    [
      'sends its body slowly',
      'POST /take HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n',
      '100 Continue',
    ],
    ['does not read its answer', 'GET /large HTTP/1.1\r\nhost: x\r\n\r\n', '200 OK'],
  ])('then one that %s', async (_name, write, begins) => {
    const { server, port } = await startServer([hello, take, large], { limits: { maxConnections: 1 } });
    const stuck = await open(port, write);
    const [first] = (await once(stuck, 'data')) as [Buffer];
    stuck.pause();
    expect(first.toString('latin1')).toContain(begins);
    expect((await ask({ port, path: '/hello' })).status).toBe(200);
    await closed(stuck);
    await server.close();
  });

  test('never one that is being answered: the new one goes', async () => {
    const { entered, open: answer, route } = gate();
    const { server, port } = await startServer([hello, route], { limits: { maxConnections: 1 } });
    const first = ask({ port, path: '/slow' });
    await entered;
    await expect(ask({ port, path: '/hello' })).rejects.toThrow(/hang up|ECONNRESET/);
    answer();
    expect((await first).status).toBe(200);
    await server.close();
  });

  test('over TLS, connections are told apart as well', async () => {
    const identity = changingIdentity(await newTlsIdentity());
    const { server, port } = await startServer([hello], { limits: { maxConnections: 2 }, identity });
    const agent = new TlsAgent({ keepAlive: true });
    expect((await ask({ port, tls: true, path: '/hello', agent })).status).toBe(200);
    const silent = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    silent.on('error', () => undefined);
    await once(silent, 'secureConnect');
    const goes = closed(silent);
    expect((await ask({ port, tls: true, path: '/hello' })).status).toBe(200);
    await goes;
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1);
    expect((await ask({ port, tls: true, path: '/hello', agent })).status).toBe(200);
    agent.destroy();
    await server.close();
  });

  test('hundreds that say nothing keep nobody out', async () => {
    const { server, port } = await startServer([hello], { limits: { maxConnections: 100 } });
    const agent = new Agent({ keepAlive: true });
    expect((await ask({ port, path: '/hello', agent })).status).toBe(200);
    const crowd = await Promise.all(Array.from({ length: 300 }, () => open(port)));
    for (let count = 0; count < 20; count += 1) expect((await ask({ port, path: '/hello' })).status).toBe(200);
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1);
    for (const socket of crowd) socket.destroy();
    agent.destroy();
    await server.close();
  });
});

test('more handshakes than begin in one turn all come to their end', async () => {
  const identity = changingIdentity(await newTlsIdentity());
  const { server, port } = await startServer([hello], { limits: { handshakesPerTurn: 2 }, identity });
  const answers = await Promise.all(Array.from({ length: 40 }, () => ask({ port, tls: true, path: '/hello' })));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  await server.close();
});

test('peers that are gone before their handshake may begin disturb nobody', async () => {
  const identity = changingIdentity(await newTlsIdentity());
  const { server, port } = await startServer([hello], { limits: { handshakesPerTurn: 1 }, identity });
  const sockets = await Promise.all(Array.from({ length: 40 }, () => open(port, 'not TLS at all')));
  for (const socket of sockets) socket.resetAndDestroy();
  expect((await ask({ port, tls: true, path: '/hello' })).status).toBe(200);
  await server.close();
});

test('who asks for more answers than it reads is cut off', async () => {
  let asked = 0;
  const counted = defineRoute({
    ...large,
    handle: () => {
      asked += 1;
      return { body: Buffer.alloc(1024 * 1024) };
    },
  });
  const { server, port } = await startServer([hello, counted], { limits: { maxPipelined: 8 } });
  const greedy = await open(port, 'GET /large HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(500));
  await closed(greedy);
  expect(asked).toBeLessThanOrEqual(16);
  const modest = await open(port, ASK.repeat(8));
  let text = '';
  while ((text.match(/200 OK/g) ?? []).length < 8) text += String(await once(modest, 'data'));
  expect(modest.closed).toBe(false);
  modest.destroy();
  await server.close();
});

const TEXT = 'ü and more '.repeat(1024 * 1024);

test.each([
  ['octets', Buffer.from(TEXT), TEXT, 32],
  ['text', TEXT, TEXT, 32],
  ['an object', { TEXT }, JSON.stringify({ TEXT }), 80],
])(
  'a large answer of %s waits in the server by the slice, and arrives whole',
  async (_name, body, expected, mostKib) => {
    const text = defineRoute({ ...hello, path: '/text', handle: () => ({ body }) });
    const sockets = new Set<Socket>();
    const peerOf = networkPeers();
    const identity = changingIdentity(await newTlsIdentity());
    const { server, port } = await startServer([text], {
      identity,
      peerOf: (socket) => {
        sockets.add(socket);
        return peerOf(socket);
      },
    });
    const reader = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(reader, 'secureConnect');
    reader.write('GET /text HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    const [first] = (await once(reader, 'data')) as [Buffer];
    const [socket] = sockets;
    expect(socket?.writableLength).toBeLessThan(mostKib * 1024);
    const chunks = [first];
    for await (const chunk of reader) chunks.push(chunk as Buffer);
    const answer = Buffer.concat(chunks).toString();
    expect(answer.slice(answer.indexOf('\r\n\r\n') + 4) === expected).toBe(true);
    await server.close();
  },
);

describe('large headers of requests that wait for an answer to an earlier one', () => {
  const heavy = ASK.replace('\r\n\r\n', `\r\nx-large: ${'a'.repeat(4000)}\r\n\r\n`);
  const limits = { maxPipelinedBytes: 13_000 };

  test('cut the connection off when they are too many octets', async () => {
    const { entered, open: answer, route } = gate();
    const { server, port } = await startServer([hello, route], { limits });
    const socket = await open(port, ASK.replace('hello', 'slow'));
    await entered;
    socket.write(heavy.repeat(4));
    await closed(socket);
    answer();
    await server.close();
  });

  test('count no longer once they are answered', async () => {
    const { server, port } = await startServer([hello], { limits });
    const socket = await open(port);
    for (let round = 0; round < 3; round += 1) {
      socket.write(heavy.repeat(3));
      let text = '';
      while ((text.match(/200 OK/g) ?? []).length < 3) text += String(await once(socket, 'data'));
    }
    expect(socket.closed).toBe(false);
    socket.destroy();
    await server.close();
  });
});
