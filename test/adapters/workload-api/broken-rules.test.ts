import {
  CONTINUATION,
  DATA,
  END_HEADERS,
  frame,
  GOAWAY,
  grpcHeaders,
  HEADERS,
  PADDED,
  PING,
  RawHttp2,
  SECURITY,
  SETTINGS,
  WINDOW_UPDATE,
  WITH_PRIORITY,
  X509_PATH,
} from '../../support/raw-http2.ts';
import { startWorkloadApi, type WorkloadWorld } from '../../support/workload-stand-in.ts';

/** What a client may not do, and what it costs it (case H0). */

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

describe('what breaks the rules ends the connection, with a word', () => {
  const settled = whole();
  test.each<[string, readonly Buffer[], number]>([
    ['headers of no stream', [frame(HEADERS, END_HEADERS, 0, settled)], 1],
    ['CONTINUATION of nothing', [frame(CONTINUATION, END_HEADERS, 1, settled)], 1],
    ['another frame amid headers', [frame(HEADERS, 0, 1, settled), frame(PING, 0, 0, Buffer.alloc(8))], 1],
    ['CONTINUATION of another stream', [frame(HEADERS, 0, 1, settled), frame(CONTINUATION, 4, 3)], 1],
    ['HEADERS amid headers', [frame(HEADERS, 0, 1, settled), frame(HEADERS, 4, 3, settled)], 1],
    ['more padding than frame', [frame(HEADERS, END_HEADERS | PADDED, 1, Buffer.of(9, 0, 0))], 1],
    ['padding without its length', [frame(HEADERS, END_HEADERS | PADDED, 1)], 6],
    ['too short for a priority', [frame(HEADERS, END_HEADERS | WITH_PRIORITY, 1, Buffer.alloc(4))], 6],
    ['too large a frame of headers', [frame(HEADERS, END_HEADERS, 1, Buffer.alloc(16_385, 0x82))], 6],
    ['headers in no code', [frame(HEADERS, END_HEADERS, 1, Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff))], 9],
    ['a table larger than allowed', [frame(HEADERS, END_HEADERS, 1, Buffer.from('3fe21f', 'hex'))], 9],
    ['a few octets for megabytes', [frame(HEADERS, END_HEADERS, 1, Buffer.alloc(16_000, 0x82))], 11],
    [
      'a block without end',
      [frame(HEADERS, 0, 1, settled), ...Array.from({ length: 70 }, () => frame(CONTINUATION, 0, 1))],
      11,
    ],
    ['SETTINGS of a stream', [frame(SETTINGS, 0, 1)], 1],
    ['WINDOW_UPDATE by nothing', [frame(WINDOW_UPDATE, 0, 0, Buffer.alloc(4))], 1],
    ['DATA of no stream', [frame(DATA, 0, 0, Buffer.alloc(4))], 1],
    ['an even stream', [frame(HEADERS, END_HEADERS, 2, settled)], 1],
  ])('%s', async (_name, parts, code) => {
    raw.send(...parts);
    expect(await raw.goaway()).toBe(code);
    await raw.closed();
    expect(raw.socket.destroyed).toBe(true);
  });

  test('HTTP/1.1, or anything else for a preface', async () => {
    for (const first of ['GET / HTTP/1.1\r\nhost: a\r\n\r\n', '\u0016\u0003\u0001', 'PRI * HTTP/2.0\r\n\r\nXX']) {
      const odd = await RawHttp2.connect(world.path);
      odd.send(Buffer.from(first));
      await odd.closed();
      expect(odd.frames.every(({ type }) => type === GOAWAY)).toBe(true);
    }
  });

  test('what was open on it is over with the last word', async () => {
    raw.request(1, [whole()]);
    await expectSvid(1);
    expect(world.sessions.watchers.size).toBe(1);
    raw.send(frame(PING, 0, 1, Buffer.alloc(8)));
    expect(await raw.goaway()).toBe(1);
    expect(world.sessions.watchers.size).toBe(0);
  });

  test('others are served all the same', async () => {
    expect(world.lines.filter((line) => !line.startsWith('debug'))).toEqual([]);
    raw.request(1, [whole()]);
    await expectSvid(1);
  });
});
