import {
  ACK,
  CONTINUATION,
  DATA,
  EMPTY_MESSAGE,
  END_HEADERS,
  END_STREAM,
  frame,
  GOAWAY,
  grpcHeaders,
  header,
  HEADERS,
  PADDED,
  PING,
  PRIORITY,
  RawHttp2,
  RST_STREAM,
  SECURITY,
  SETTINGS,
  WINDOW_UPDATE,
  WITH_PRIORITY,
  X509_PATH,
} from '../../support/raw-http2.ts';
import { PREFACE } from '../../../src/adapters/workload-api/http2/frames.ts';
import { startWorkloadApi, type WorkloadWorld } from '../../support/workload-stand-in.ts';

/** Requests as no library sends them (case H0). */

let world: WorkloadWorld;
let raw: RawHttp2;
beforeAll(async () => {
  world = await startWorkloadApi();
});
afterAll(() => world.stop());
beforeEach(async () => {
  raw = await RawHttp2.open(world.path);
});
afterEach(() => raw.close());

const GOOD = 'spiffe://example.org/payments/api';
const expectSvid = async (stream: number, on = raw): Promise<void> => {
  const { headers, data } = await on.answer(stream);
  expect(headers).toMatchObject({ ':status': '200' });
  expect(data.includes(GOOD)).toBe(true);
};
const whole = (path = X509_PATH): Buffer => Buffer.concat([...grpcHeaders(path), SECURITY]);

describe(':authority (WLE-17, M13)', () => {
  test.each<[string, readonly (string | Buffer)[]]>([
    ['localhost', ['localhost']],
    ['the raw path of the socket', ['/tmp/x.sock']],
    ['the path without its slash', ['tmp/x.sock']],
    ['the path as a URI', ['unix:/tmp/x']],
    ['the path with its slashes escaped', ['tmp%2Fx.sock']],
    ['the name of a cluster', ['spire_agent']],
    ['an address', ['[::1]:0']],
    ['empty', ['']],
    ['absent', []],
    ['twice', ['localhost', 'localhost']],
    ['two that differ', ['a', '/b']],
    ['octets that are no text', [Buffer.of(0xff, 0xfe, 0x80)]],
    ['1,000 octets', ['a/'.repeat(500)]],
  ])('%s', async (_name, authority) => {
    raw.request(1, [...grpcHeaders(X509_PATH, authority), SECURITY]);
    await expectSvid(1);
  });

  test('as a header named host', async () => {
    raw.request(1, [...grpcHeaders(X509_PATH, []), header('host', '/tmp/x.sock'), SECURITY]);
    await expectSvid(1);
  });

  test('after the ordinary headers', async () => {
    const [method, scheme, path, authority, ...rest] = grpcHeaders(X509_PATH, ['/a/b']);
    raw.request(
      1,
      [path, method, scheme, ...rest, SECURITY, authority].flatMap((each) => each ?? []),
    );
    await expectSvid(1);
  });
});

describe('the security header (WLE-4, WLE-5, M12)', () => {
  test.each<[string, readonly Buffer[]]>([
    ['missing', []],
    ['empty', [header('workload.spiffe.io', '')]],
    ['false', [header('workload.spiffe.io', 'false')]],
    ['TRUE', [header('workload.spiffe.io', 'TRUE')]],
    ['twice', [SECURITY, SECURITY]],
    ['two in one', [header('workload.spiffe.io', 'true, true')]],
    ['one of two', [SECURITY, header('workload.spiffe.io', 'false')]],
    ['another name', [header('workload.spiffe.io2', 'true')]],
  ])('%s', async (_name, security) => {
    const before = world.sessions.watches;
    raw.request(1, [...grpcHeaders(X509_PATH), ...security]);
    const { headers, data } = await raw.answer(1);
    expect(headers).toMatchObject({
      'grpc-status': '3',
      'grpc-message': 'security%20header%20missing%20from%20request',
    });
    expect(data).toHaveLength(0);
    expect(world.sessions.watches).toBe(before);
  });
});

describe('blocks of headers', () => {
  test('come in pieces, 24 KiB and more', async () => {
    const block = Buffer.concat([whole(), header('x-large', 'y'.repeat(24_576))]);
    const pieces = Array.from({ length: Math.ceil(block.length / 1000) }, (_, at) =>
      block.subarray(at * 1000, (at + 1) * 1000),
    );
    pieces.forEach((piece, at) => {
      const flags = at === pieces.length - 1 ? END_HEADERS : 0;
      raw.send(frame(at === 0 ? HEADERS : CONTINUATION, flags, 1, piece));
    });
    raw.send(frame(DATA, END_STREAM, 1, EMPTY_MESSAGE));
    await expectSvid(1);
  });

  test('of 60 KiB pass, larger ones end the connection', async () => {
    const large = (bytes: number): Buffer => Buffer.concat([whole(), header('x-large', 'y'.repeat(bytes))]);
    const send = (stream: number, block: Buffer): void => {
      for (let at = 0; at < block.length; at += 16_384) {
        const flags = at + 16_384 >= block.length ? END_HEADERS : 0;
        raw.send(frame(at === 0 ? HEADERS : CONTINUATION, flags, stream, block.subarray(at, at + 16_384)));
      }
      raw.send(frame(DATA, END_STREAM, stream, EMPTY_MESSAGE));
    };
    send(1, large(61_440));
    await expectSvid(1);
    send(3, large(65_536));
    expect(await raw.goaway()).toBe(11);
  });

  test('come octet by octet', async () => {
    const bytes = Buffer.concat([frame(HEADERS, END_HEADERS, 1, whole()), frame(DATA, END_STREAM, 1, EMPTY_MESSAGE)]);
    for (const octet of bytes) raw.socket.write(Buffer.of(octet));
    await expectSvid(1);
  });

  test('are padded, and have a priority', async () => {
    const padded = Buffer.concat([Buffer.of(7), Buffer.of(0, 0, 0, 0, 15), whole(), Buffer.alloc(7)]);
    raw.send(frame(HEADERS, END_HEADERS | PADDED | WITH_PRIORITY, 1, padded));
    raw.send(frame(DATA, END_STREAM | PADDED, 1, Buffer.concat([Buffer.of(3), EMPTY_MESSAGE, Buffer.alloc(3)])));
    await expectSvid(1);
  });

  test('use what earlier ones left in the table', async () => {
    raw.request(1, [...grpcHeaders(X509_PATH, ['/tmp/x.sock'], true), header('workload.spiffe.io', 'true', true)]);
    await expectSvid(1);
    const remembered = Buffer.from([7, 6, 5, 4, 3, 2, 1, 0].map((at) => 0x80 | (62 + at)));
    for (const stream of [3, 5, 7]) {
      raw.request(stream, [remembered]);
      await expectSvid(stream);
    }
  });

  test('of a stream that is refused count for those after it', async () => {
    raw.request(1, grpcHeaders('/nowhere', ['/tmp/x.sock'], true));
    expect((await raw.answer(1)).headers).toMatchObject({ 'grpc-status': '12' });
    raw.request(3, [Buffer.of(0xc4, 0xc3), header(':path', X509_PATH), Buffer.of(0xc0, 0xbf, 0xbe), SECURITY]);
    await expectSvid(3);
  });
});

describe('what is unusual, and allowed', () => {
  test('a first stream that is not the first', async () => {
    raw.request(3, [whole()]);
    await expectSvid(3);
  });

  test('settings that nobody knows', async () => {
    const odd = await RawHttp2.open(world.path, Buffer.from('fe0300000001000800000001', 'hex'));
    odd.request(1, [whole()]);
    await expectSvid(1, odd);
    odd.close();
  });

  test('frames that nobody knows, and PRIORITY', async () => {
    raw.send(frame(0xee, 0xff, 0, Buffer.alloc(100)), frame(PRIORITY, 0, 5, Buffer.of(0, 0, 0, 3, 9)));
    raw.request(1, [whole()]);
    await expectSvid(1);
  });

  test('a stream taken back in the middle of its headers’ request, and the next one', async () => {
    raw.send(frame(HEADERS, END_HEADERS, 1, whole()), frame(RST_STREAM, 0, 1, Buffer.of(0, 0, 0, 8)));
    raw.request(3, [whole()]);
    await expectSvid(3);
  });

  test('streams taken back by the thousand: fetching once is an ordinary thing', async () => {
    const room = Buffer.alloc(4);
    room.writeUInt32BE(2 ** 30);
    raw.send(frame(WINDOW_UPDATE, 0, 0, room));
    for (let round = 0; round < 40; round++) {
      for (let at = 0; at < 50; at++) {
        const stream = 2 * (round * 50 + at) + 1;
        raw.request(stream, [whole()]);
        raw.send(frame(RST_STREAM, 0, stream, Buffer.of(0, 0, 0, 8)));
      }
      raw.send(frame(PING, 0, 0, Buffer.alloc(8, round)));
      await raw.until(() => raw.frames.filter(({ type, flags }) => type === PING && flags === ACK).length > round);
    }
    raw.request(4001, [whole()]);
    await expectSvid(4001);
    expect(raw.frames.some(({ type }) => type === GOAWAY)).toBe(false);
  });

  test('500 PINGs at once', async () => {
    raw.send(...Array.from({ length: 500 }, () => frame(PING, 0, 0, Buffer.alloc(8))));
    raw.request(1, [whole()]);
    await expectSvid(1);
    await raw.until(() => raw.frames.filter(({ type, flags }) => type === PING && flags === ACK).length === 500);
  });

  test('a flood of PINGs drowns its own connection at most', async () => {
    const flood = await RawHttp2.open(world.path);
    for (let at = 0; at < 20; at++)
      flood.send(...Array.from({ length: 1000 }, () => frame(PING, 0, 0, Buffer.alloc(8))));
    raw.request(1, [whole()]);
    await expectSvid(1);
    flood.close();
  });

  test('what was sent in one piece with the preface, and before the server says a word', async () => {
    const early = await RawHttp2.connect(world.path);
    early.send(PREFACE, frame(SETTINGS, 0, 0), frame(HEADERS, END_HEADERS, 1, whole()));
    early.send(frame(DATA, END_STREAM, 1, EMPTY_MESSAGE));
    await expectSvid(1, early);
    early.close();
  });

  test('metadata that is no metadata is no trouble', async () => {
    raw.request(1, [
      whole(),
      header('a-bin', '***'),
      header('x-odd', Buffer.of(0x80, 0xff)),
      header('a_b.c', ''),
      header('cookie', 'a'),
    ]);
    await expectSvid(1);
  });

  test.each(['soon', '', '1', '99999999999S'])('the deadline %p is answered', async (timeout) => {
    raw.request(1, [whole(), header('grpc-timeout', timeout)]);
    expect((await raw.answer(1)).headers).toHaveProperty(':status', '200');
  });

  test.each<[string, Buffer]>([
    ['that is none', Buffer.from('00000000020aff', 'hex')],
    ['that is said to be compressed', Buffer.from('010000000100', 'hex')],
    ['twice', Buffer.alloc(10)],
    ['cut off', Buffer.from('0000000009', 'hex')],
    ['that is larger than any', Buffer.from('00ffffffff00', 'hex')],
    ['that is not there', Buffer.alloc(0)],
  ])('a message %s fails its own call', async (_name, message) => {
    raw.request(1, [whole()], message);
    expect((await raw.answer(1)).headers).toHaveProperty('grpc-status');
    raw.request(3, [whole()]);
    await expectSvid(3);
  });

  test.each(['/grpc.health.v1.Health/Watch', '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'])(
    '%s is ended with the agent (WLE-18)',
    async (path) => {
      const other = await startWorkloadApi();
      const client = await RawHttp2.open(other.path);
      client.send(frame(HEADERS, END_HEADERS, 1, Buffer.concat(grpcHeaders(path))));
      client.send(frame(DATA, path.endsWith('Watch') ? END_STREAM : 0, 1, EMPTY_MESSAGE));
      await client.frameOf(DATA, 1);
      const stopped = other.stop();
      await client.closed();
      expect((await client.answer(1)).headers).toMatchObject({ 'grpc-status': '14' });
      await stopped;
    },
  );

  test('a method without a handler, without the security header', async () => {
    for (const [at, path] of [
      '/SpiffeWorkloadAPI/Nothing',
      '/a.B/C',
      '/',
      '/x/\u00e9',
      '/SpiffeWorkloadAPI/FetchWITSVID',
    ].entries()) {
      raw.request(2 * at + 1, grpcHeaders(path));
      expect((await raw.answer(2 * at + 1)).headers).toMatchObject({ 'grpc-status': '12' });
    }
  });
});
