import { PREFACE } from '../../../../src/adapters/workload-api/http2/frames.ts';
import { headerBlock } from '../../../../src/adapters/workload-api/http2/header-block.ts';
import { Http2Server, number32, setting, SinkStandIn } from '../../../support/http2-server.ts';
import {
  ACK,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  GOAWAY,
  grpcHeaders,
  header,
  HEADERS,
  PING,
  PRIORITY,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from '../../../support/raw-http2.ts';

const BLOCK = headerBlock({ ':status': '200' });
const CANCEL = number32(8);
const WHOLE = END_HEADERS | END_STREAM;

let sink: SinkStandIn;
let server: Http2Server;
beforeEach(() => {
  sink = new SinkStandIn();
  server = Http2Server.begun(() => sink);
});
const codeOf = (...parts: readonly Buffer[]): unknown => {
  try {
    server.say(...parts);
    return undefined;
  } catch (error) {
    return (error as { readonly code?: number }).code;
  }
};
const resets = (stream: number): readonly number[] =>
  server.of(RST_STREAM, stream).map(({ content }) => content.readUInt32BE());
const request = (...more: readonly Buffer[]): Buffer => Buffer.concat([...grpcHeaders('/a/b'), ...more]);

describe('the beginning (RFC 9113 §3.4)', () => {
  test('our settings are the first thing said, then that theirs were read', () => {
    expect(server.frames().map(({ type, flags, content }) => [type, flags, content.length])).toEqual([
      [SETTINGS, 0, 12],
      [SETTINGS, ACK, 0],
    ]);
  });

  test.each<[string, Buffer]>([
    ['a request', frame(HEADERS, WHOLE, 1, request())],
    ['PING', frame(PING, 0, 0, Buffer.alloc(8))],
    ['an answer to our settings', frame(SETTINGS, ACK, 0)],
  ])('%s before their settings breaks the rules', (_name, first) => {
    server = new Http2Server(() => sink);
    expect(codeOf(PREFACE, first)).toBe(1);
  });
});

describe('a stream that is idle (§5.1)', () => {
  test.each<[string, Buffer]>([
    ['DATA', frame(DATA, 0, 1)],
    ['RST_STREAM', frame(RST_STREAM, 0, 1, CANCEL)],
    ['WINDOW_UPDATE', frame(WINDOW_UPDATE, 0, 1, number32(1))],
  ])('has no %s', (_name, octets) => {
    expect(codeOf(octets)).toBe(1);
  });

  test('may have a priority, which means nothing', () => {
    server.say(frame(PRIORITY, 0, 5, Buffer.of(0, 0, 0, 3, 9)));
    server.request(5, WHOLE);
    expect(sink.heard).toEqual(['end']);
  });
});

describe('a stream that is open', () => {
  beforeEach(() => server.request(1));

  test('hears content, and the end, with an empty frame or with trailers', () => {
    server.say(frame(DATA, 0, 1, Buffer.from('one')), frame(DATA, END_STREAM, 1));
    server.request(3);
    server.say(frame(HEADERS, WHOLE, 3, header('x-a', 'b')));
    expect(sink.heard).toEqual(['data one', 'end', 'end']);
  });

  test.each<[string, Buffer, number]>([
    ['headers that are not the last', frame(HEADERS, END_HEADERS, 1, header('x-a', 'b')), 1],
    ['trailers that are malformed', frame(HEADERS, WHOLE, 1, header(':path', '/')), 1],
    ['a window wider by nothing', frame(WINDOW_UPDATE, 0, 1, number32(0)), 1],
    ['a window too wide', frame(WINDOW_UPDATE, 0, 1, number32(0x7fff_ffff)), 3],
    ['a priority of another size', frame(PRIORITY, 0, 1, Buffer.alloc(4)), 6],
  ])('is reset by %s, and its sink hears of it once', (_name, octets, code) => {
    server.say(octets);
    expect([resets(1), sink.heard, server.connection.openStreams, server.idle]).toEqual([[code], ['gone'], 0, 1]);
  });

  test('is reset by another length than announced', () => {
    server.say(frame(HEADERS, WHOLE, 3, request(header('content-length', '1'))));
    expect([resets(3), server.connection.openStreams]).toEqual([[1], 1]);
  });
});

describe('a stream whose client has said all', () => {
  test.each<[string, Buffer]>([
    ['DATA', frame(DATA, 0, 1, Buffer.from('x'))],
    ['HEADERS', frame(HEADERS, WHOLE, 1, header('x-a', 'b'))],
  ])('has no more %s (§5.1)', (_name, octets) => {
    server.request(1, WHOLE);
    server.say(octets);
    expect([resets(1), sink.heard]).toEqual([[5], ['end', 'gone']]);
  });
});

describe('a stream that is closed', () => {
  const ended = (): void => {
    server.request(1, WHOLE);
    server.streams[0]?.end(BLOCK);
  };

  test('by its client, may have what crossed on the way', () => {
    ended();
    server.say(frame(WINDOW_UPDATE, 0, 1, number32(1)), frame(RST_STREAM, 0, 1, CANCEL));
    expect([resets(1), sink.heard]).toEqual([[], ['end']]);
  });

  test('by its client, has no content and no headers', () => {
    ended();
    server.say(frame(DATA, 0, 1, Buffer.from('x')));
    expect(resets(1)).toEqual([5]);
    server.request(3, WHOLE);
    server.say(frame(RST_STREAM, 0, 3, CANCEL));
    expect(codeOf(frame(HEADERS, WHOLE, 3, request()))).toBe(5);
  });

  test('by us, may have all that its client had under way, which keeps the windows and the table right', () => {
    server.request(1);
    server.streams[0]?.end(BLOCK);
    for (let at = 0; at < 4; at++) server.say(frame(DATA, 0, 1, Buffer.alloc(16_384)));
    server.say(frame(HEADERS, WHOLE, 1, header('x-a', 'b', true)));
    expect([resets(1), server.of(WINDOW_UPDATE, 0).length]).toEqual([[0], 2]);
    server.say(frame(HEADERS, WHOLE, 3, request(Buffer.of(0xbe))));
    expect(server.streams[1]?.id).toBe(3);
  });
});

describe('blocks of headers', () => {
  test('may not be interrupted (§4.3)', () => {
    server.say(frame(HEADERS, 0, 1, request()));
    expect(codeOf(frame(DATA, 0, 1))).toBe(1);
  });

  test('that are malformed reset their stream, and the next one is served', () => {
    server.say(frame(HEADERS, WHOLE, 1, header('X-A', 'b')), frame(HEADERS, 0, 3, request()));
    server.say(frame(CONTINUATION, END_HEADERS, 3));
    expect([resets(1), server.streams.map(({ id }) => id)]).toEqual([[1], [3]]);
  });
});

describe('windows', () => {
  test('of the connection: more than it is wide ends it (§6.9)', () => {
    server.request(1);
    const sizes = [16_384, 16_383];
    for (const size of sizes) server.say(frame(DATA, 0, 1, Buffer.alloc(size)));
    expect(server.of(WINDOW_UPDATE, 0)).toEqual([]);
    server.say(frame(DATA, 0, 1, Buffer.alloc(1)));
    expect(server.of(WINDOW_UPDATE, 0).map(({ content }) => content.readUInt32BE())).toEqual([32_768]);
  });

  test('of streams change with the settings, to below nothing too (§6.9.2)', () => {
    server.request(1, WHOLE);
    const [stream] = server.streams;
    stream?.respond(BLOCK);
    stream?.write(Buffer.alloc(70_000));
    server.say(frame(SETTINGS, 0, 0, setting(4, 100)));
    expect(stream?.window).toBe(100 - 65_535);
    server.outbox.flush();
    server.say(frame(WINDOW_UPDATE, 0, 0, number32(100_000)), frame(SETTINGS, 0, 0, setting(4, 70_000)));
    expect([server.said(1).data.length, stream?.window]).toEqual([70_000, 0]);
  });

  test('of streams, too wide by the settings, end the connection (§6.9.2)', () => {
    server.request(1, WHOLE);
    server.say(frame(WINDOW_UPDATE, 0, 1, number32(1)));
    server.say(frame(SETTINGS, 0, 0, setting(4, 0x7fff_fffe)));
    expect(codeOf(frame(SETTINGS, 0, 0, setting(4, 0x7fff_ffff)))).toBe(3);
  });
});

describe('a server that leaves (§6.8, WLE-18)', () => {
  test('serves what is open to its end, and nothing new', () => {
    server.request(1, WHOLE);
    server.connection.leave();
    server.connection.leave();
    server.request(3);
    server.say(frame(DATA, END_STREAM, 3, Buffer.from('x')), frame(RST_STREAM, 0, 5, CANCEL));
    expect(server.of(GOAWAY, 0).map(({ content }) => content)).toEqual([Buffer.concat([number32(1), number32(0)])]);
    expect([server.streams.length, server.idle]).toEqual([1, 0]);
    server.streams[0]?.end(BLOCK);
    expect([server.said(1).headers.length, server.idle]).toEqual([1, 1]);
  });
});

test('a connection that is gone takes its streams along, and counts them off', () => {
  const count = { open: 0 };
  server = Http2Server.begun(() => sink, Buffer.alloc(0), count);
  for (const id of [1, 3, 5]) server.request(id);
  server.streams[1]?.end(BLOCK);
  expect(count.open).toBe(2);
  server.connection.gone();
  server.connection.gone();
  expect([count.open, sink.heard]).toEqual([0, ['gone', 'gone']]);
});

test('all 8,192 streams of a user may be open, on as many connections as that takes', () => {
  const count = { open: 8191 };
  server = Http2Server.begun(() => sink, Buffer.alloc(0), count);
  server.request(1);
  server.say(frame(HEADERS, WHOLE, 3, request()));
  expect(resets(3)).toEqual([7]);
  server.connection.gone();
  expect(count.open).toBe(8191);
});

test('what comes is worth work: frames, requests, and octets wherever they are', () => {
  const worth = (...parts: readonly Buffer[]): number => {
    server.connection.takeWork();
    server.say(...parts);
    return server.connection.takeWork();
  };
  expect(worth(frame(PING, 0, 0, Buffer.alloc(8)))).toBe(1);
  expect(worth(frame(HEADERS, END_HEADERS, 1, request()))).toBeGreaterThan(16);
  expect(worth(frame(DATA, 0, 1, Buffer.alloc(6400)))).toBe(101);
  expect(worth(frame(SETTINGS, 0, 0, Buffer.concat(Array.from({ length: 320 }, () => setting(4, 1)))))).toBe(31);
});
