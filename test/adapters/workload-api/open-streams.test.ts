import { once } from 'node:events';
import { connect as connectHttp2, createServer, type ClientHttp2Session } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { array, assert, constantFrom, integer, property } from 'fast-check';
import { FLAG, FRAME_TYPE, writeFrameHeader } from '../../../src/adapters/workload-api/frames.ts';
import { OpenStreams } from '../../../src/adapters/workload-api/open-streams.ts';
import { AuthorityRepair } from '../../../src/adapters/workload-api/repair-authority.ts';
import { eventually } from '../../support/manual-time.ts';

const frame = (type: number, flags: number, stream: number, length: number): Buffer => {
  const octets = Buffer.alloc(9 + length, 0xff);
  writeFrameHeader(octets, 0, { length, type, flags, stream });
  return octets;
};

const { data, headers, reset } = FRAME_TYPE;
const END = FLAG.endStream;

test('a stream is open until both sides have ended it', () => {
  const count = { open: 0 };
  const streams = new OpenStreams(count);
  streams.opened(1, true);
  streams.opened(3, false);
  expect(count.open).toBe(2);
  streams.sent(Buffer.concat([frame(headers, 0, 1, 20), frame(data, 0, 1, 300), frame(headers, END, 1, 20)]));
  expect(count.open).toBe(1);
  // An answer to who says no end leaves it half open.
  streams.sent(frame(headers, END, 3, 4));
  expect(count.open).toBe(1);
  streams.clientEnded(3);
  expect(count.open).toBe(0);
});

test('a reset of either side ends it, once', () => {
  const count = { open: 0 };
  const streams = new OpenStreams(count);
  for (const stream of [1, 3, 5]) streams.opened(stream, false);
  streams.closed(1);
  streams.closed(1);
  streams.sent(frame(reset, 0, 3, 4));
  streams.sent(frame(reset, 0, 99, 4));
  expect(count.open).toBe(1);
  streams.clear();
  expect(count.open).toBe(0);
});

test('an end is found however the octets are cut, and only in frames that can have one', () => {
  const flagged = [0x1, 0x0].map((type) => frame(type, END, 1, 30));
  // PING and SETTINGS with the same bit set, and a payload that looks like frames.
  const others = [frame(0x6, END, 0, 8), frame(0x4, END, 0, 0), Buffer.concat([frame(data, 0, 1, 18)])];
  assert(
    property(array(integer({ min: 1, max: 40 }), { minLength: 1 }), constantFrom(...flagged), (cuts, last) => {
      const count = { open: 0 };
      const streams = new OpenStreams(count);
      streams.opened(1, true);
      const all = Buffer.concat([...others, last]);
      for (let at = 0, turn = 0; at < all.length; turn += 1) {
        // Its header says so, once it is whole; what follows is passed over.
        expect(count.open).toBe(at < all.length - last.length + 9 ? 1 : 0);
        const size = cuts[turn % cuts.length] ?? 1;
        streams.sent(all.subarray(at, at + size));
        at += size;
      }
      expect(count.open).toBe(0);
    }),
  );
});

describe('between a client and the HTTP/2 of the runtime', () => {
  const count = { open: 0 };
  const behind = createServer();
  let front: Server;
  let client: ClientHttp2Session;
  const sockets = new Set<Socket>();

  beforeAll(async () => {
    behind.on('stream', (stream, { ':path': path }) => {
      stream.on('error', () => undefined);
      if (path === '/wait') return;
      stream.respond({ ':status': 200 });
      stream.end('x'.repeat(40_000));
    });
    await once(behind.listen(0, '127.0.0.1'), 'listening');
    front = createTcpServer((socket) => {
      const streams = new OpenStreams(count);
      const repair = new AuthorityRepair('0123456789abcdef', streams);
      const server = connect((behind.address() as AddressInfo).port, '127.0.0.1');
      for (const each of [socket, server]) sockets.add(each.on('error', () => undefined));
      socket.on('data', (chunk: Buffer) => server.write(repair.next(chunk)));
      server.on('data', (chunk: Buffer) => {
        streams.sent(chunk);
        socket.write(chunk);
      });
      socket.on('close', () => streams.clear());
    });
    await once(front.listen(0, '127.0.0.1'), 'listening');
    client = connectHttp2(`http://127.0.0.1:${(front.address() as AddressInfo).port}`);
    client.on('error', () => undefined);
  });
  afterAll(async () => {
    client.destroy();
    for (const socket of sockets) socket.destroy();
    front.close();
    behind.close();
  });

  test('what is answered is closed, what waits is open, what is taken back is closed', async () => {
    const answered = Array.from({ length: 20 }, () => client.request({ ':path': '/' }).resume());
    await Promise.all(answered.map((stream) => once(stream, 'close')));
    await eventually(() => count.open === 0);
    const waiting = Array.from({ length: 10 }, () => client.request({ ':path': '/wait' }).on('error', () => undefined));
    await eventually(() => count.open === 10);
    for (const stream of waiting.slice(0, 4)) stream.close(0x8);
    await eventually(() => count.open === 6);
    client.destroy();
    await eventually(() => count.open === 0);
    expect(count.open).toBe(0);
  });
});
