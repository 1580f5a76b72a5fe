import { once } from 'node:events';
import { connect, createServer, type Http2Session, type IncomingHttpHeaders, sensitiveHeaders } from 'node:http2';
import { createServer as createTcpServer, connect as connectTcp, type AddressInfo, type Socket } from 'node:net';
import * as fc from 'fast-check';
import { OpenStreams } from '../../../src/adapters/workload-api/open-streams.ts';
import { AuthorityRepair, CALLER_HEADER } from '../../../src/adapters/workload-api/repair-authority.ts';

/** The runtime's own HTTP/2 on both sides, and the repair between them, in pieces of any size. */

interface Seen {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders | undefined;
}

interface Between {
  readonly client: ReturnType<typeof connect>;
  seen(): Seen | undefined;
  close(): Promise<void>;
}

const slices = (bytes: Buffer, size: number): readonly Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));

const start = async (pieceBytes: number): Promise<Between> => {
  let last: Seen | undefined;
  const server = createServer({ maxHeaderListPairs: 1000 });
  const sessions = new Set<Http2Session>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => {
    let body = '';
    let trailers: IncomingHttpHeaders | undefined;
    stream.setEncoding('latin1');
    stream.on('data', (chunk: string) => {
      body += chunk;
    });
    stream.on('trailers', (each) => {
      trailers = each;
    });
    stream.on('end', () => {
      last = { headers, body, trailers };
      stream.respond({ ':status': 200 }, { endStream: true });
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;

  const sockets = new Set<Socket>();
  const front = createTcpServer((socket) => {
    const repair = new AuthorityRepair('0123456789abcdef', new OpenStreams({ open: 0 }));
    const behind = connectTcp(port, '127.0.0.1');
    for (const each of [socket, behind]) {
      sockets.add(each);
      each.setNoDelay(true);
      each.on('error', () => undefined);
    }
    socket.on('data', (chunk: Buffer) => {
      for (const piece of slices(chunk, pieceBytes)) behind.write(repair.next(piece));
    });
    behind.on('data', (chunk: Buffer) => socket.write(chunk));
    socket.on('close', () => behind.destroy());
    behind.on('close', () => socket.destroy());
  });
  await once(front.listen(0, '127.0.0.1'), 'listening');
  const client = connect(`http://127.0.0.1:${(front.address() as AddressInfo).port}`);
  return {
    client,
    seen: () => last,
    async close() {
      client.destroy();
      for (const socket of sockets) socket.destroy();
      for (const session of sessions) session.destroy();
      front.close();
      server.close();
      await Promise.all([once(front, 'close'), once(server, 'close')]);
    },
  };
};

const request = async (
  client: Between['client'],
  headers: Record<string, string | readonly string[] | symbol>,
  body = '',
  trailers?: Record<string, string>,
): Promise<number> => {
  const stream = client.request(
    { ':method': 'POST', ':path': '/a', ...headers },
    {
      waitForTrailers: trailers !== undefined,
    },
  );
  stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}));
  stream.end(body, 'latin1');
  const [answer] = (await once(stream, 'response')) as [{ ':status': number }];
  stream.resume();
  await once(stream, 'close');
  return answer[':status'];
};

const NAME = fc.stringMatching(/^[a-wyz][a-z0-9-]{0,30}$/).filter((name) => !UNUSUAL.has(name));
/** Names that HTTP/2 or its runtime treats in ways of its own. */
const UNUSUAL = new Set([
  'connection',
  'upgrade',
  'host',
  'te',
  'cookie',
  'age',
  'from',
  'etag',
  'server',
  'date',
  'expires',
  'location',
  'referer',
]);
const VALUE = fc.stringMatching(/^[!-~]{0,200}$/);

describe.each([1, 7, 100_000])('in pieces of %i octets', (pieceBytes) => {
  let between: Between;
  beforeAll(async () => {
    between = await start(pieceBytes);
  });
  afterAll(() => between.close());

  test('headers arrive as they were sent, the authority apart, whatever tables and codes the client uses', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(NAME, VALUE, fc.boolean()), { selector: ([name]) => `x${name}`, maxLength: 20 }),
        fc.string({ maxLength: 50 }),
        async (fields, path) => {
          const headers = Object.fromEntries(fields.map(([name, value]) => [`x${name}`, value]));
          const secret = fields.filter(([, , isSecret]) => isSecret).map(([name]) => `x${name}`);
          const target = `/${encodeURIComponent(path.toWellFormed())}`;
          await request(between.client, { ...headers, ':path': target, [sensitiveHeaders]: secret as never }, 'body');
          const { [':authority']: authority, [CALLER_HEADER]: caller, ...rest } = between.seen()?.headers ?? {};
          expect([authority, caller]).toEqual(['localhost', '0123456789abcdef']);
          expect(rest).toMatchObject({ ...headers, ':path': target, ':method': 'POST', ':scheme': 'http' });
          expect(Object.keys(rest).length).toBe(fields.length + 3);
          expect(between.seen()?.body).toBe('body');
        },
      ),
      { numRuns: pieceBytes === 1 ? 30 : 60 },
    );
  });

  test('trailers stay trailers', async () => {
    expect(await request(between.client, {}, 'x', { 'x-end': 'yes' })).toBe(200);
    const { trailers } = between.seen() ?? {};
    expect(Object.entries(trailers ?? {})).toEqual([['x-end', 'yes']]);
  });

  test('a body of many frames passes', async () => {
    const body = 'abcdefg'.repeat(20_000);
    await request(between.client, { 'x-long': 'y'.repeat(30_000) }, body);
    expect(between.seen()?.body).toBe(body);
    expect(between.seen()?.headers['x-long']).toHaveLength(30_000);
  });

  test('what a client sends under our names is taken away', async () => {
    await request(between.client, {
      [CALLER_HEADER]: 'ffffffffffffffff',
      'x-mayfly-other': 'a',
      'x-mayfl': 'b',
      host: 'c',
    });
    expect(between.seen()?.headers).toMatchObject({ [CALLER_HEADER]: '0123456789abcdef', 'x-mayfl': 'b' });
    expect(between.seen()?.headers).not.toHaveProperty('x-mayfly-other');
    expect(between.seen()?.headers).not.toHaveProperty('host');
  });

  test('every octet that a value may have survives its Huffman code', async () => {
    const octets = Buffer.from(Array.from({ length: 256 }, (_, at) => at).filter((at) => at > 0x20 && at !== 0x7f));
    await request(between.client, { 'x-octets': octets.toString('latin1') });
    const got = between.seen()?.headers['x-octets'];
    expect(Buffer.from(String(got), 'latin1')).toEqual(octets);
  });
});
