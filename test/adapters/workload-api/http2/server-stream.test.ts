import { END_HEADERS, END_STREAM, frame, HEADERS, RST_STREAM, WINDOW_UPDATE } from '../../../support/raw-http2.ts';
import { headerBlock } from '../../../../src/adapters/workload-api/http2/header-block.ts';
import { StreamError } from '../../../../src/adapters/workload-api/http2/frames.ts';
import { ServerStream } from '../../../../src/adapters/workload-api/http2/server-stream.ts';
import { Http2Server, number32, setting, SinkStandIn } from '../../../support/http2-server.ts';

const WINDOW = 65_535;
const BLOCK = headerBlock({ ':status': '200' });
const TRAILERS = headerBlock({ a: 'b' });

let sink: SinkStandIn;
let server: Http2Server;
const begin = (flags = END_HEADERS | END_STREAM, settings?: Buffer): ServerStream => {
  sink = new SinkStandIn();
  server = Http2Server.begun(() => sink, settings);
  server.request(1, flags);
  const [stream] = server.streams;
  if (stream === undefined) throw new Error('no stream was opened');
  return stream;
};

describe('an answer', () => {
  test('has headers, content and trailers', () => {
    const stream = begin();
    stream.respond(BLOCK);
    stream.write(Buffer.from('one'));
    stream.write(Buffer.from('two'));
    stream.end(TRAILERS);
    expect(server.said(1)).toEqual({ headers: [{ ':status': '200' }, { a: 'b' }], data: Buffer.from('onetwo') });
    expect([server.connection.openStreams, sink.heard]).toEqual([0, ['end']]);
  });

  test('is over when it has ended', () => {
    const stream = begin();
    stream.end(BLOCK);
    const before = server.frames().length;
    stream.respond(BLOCK);
    stream.write(Buffer.from('more'), () => sink.heard.push('written'));
    stream.end(TRAILERS);
    stream.reset(2);
    expect([server.frames().length, sink.heard]).toEqual([before, ['end']]);
  });

  test('to a client that has not said all tells it to stop (RFC 9113 §8.1)', () => {
    const stream = begin(END_HEADERS);
    stream.end(BLOCK);
    expect(server.frames().slice(-2)).toMatchObject([
      { type: HEADERS, flags: END_HEADERS | END_STREAM },
      { type: RST_STREAM, content: number32(0) },
    ]);
  });

  test('that is reset leaves nothing behind, and nobody else needs to tell its sink', () => {
    const stream = begin(END_HEADERS | END_STREAM, setting(4, 2));
    stream.write(Buffer.from('one'), () => sink.heard.push('written'));
    stream.reset(8);
    server.say(frame(WINDOW_UPDATE, 0, 1, number32(10)));
    expect(server.of(RST_STREAM, 1).map(({ content }) => content)).toEqual([number32(8)]);
    expect([server.said(1).data.toString(), stream.queue, sink.heard]).toEqual(['on', [], ['end']]);
  });

  test('that is under way hears of a client that takes it back; one that has ended does not', () => {
    begin();
    server.say(frame(RST_STREAM, 0, 1, number32(8)));
    expect(sink.heard).toEqual(['end', 'gone']);
    const stream = begin(END_HEADERS | END_STREAM, setting(4, 0));
    stream.write(Buffer.from('waits'));
    stream.end(TRAILERS);
    server.say(frame(RST_STREAM, 0, 1, number32(8)));
    expect([sink.heard, server.connection.openStreams]).toEqual([['end'], 0]);
  });
});

describe('what a client may send', () => {
  test('is as much as its window, and again what was done with (RFC 9113 §6.9)', () => {
    const stream = begin(END_HEADERS);
    stream.received(Buffer.alloc(40_000), 40_000);
    stream.consume(32_766);
    expect(server.of(WINDOW_UPDATE, 1)).toEqual([]);
    stream.consume(1);
    expect(server.of(WINDOW_UPDATE, 1).map(({ content }) => content)).toEqual([number32(32_767)]);
    stream.received(Buffer.alloc(WINDOW - 7233), WINDOW - 7233);
    expect(() => stream.received(Buffer.alloc(1), 1)).toThrow(expect.objectContaining({ code: 3 }));
  });

  test('counts with its padding, which is done with at once', () => {
    const stream = begin(END_HEADERS);
    stream.received(Buffer.alloc(0), 32_767);
    expect(server.of(WINDOW_UPDATE, 1).map(({ content }) => content)).toEqual([number32(32_767)]);
    expect(sink.heard).toEqual([]);
  });

  test('is nothing more when it has said all', () => {
    const stream = begin();
    expect(() => stream.received(Buffer.alloc(0), 0)).toThrow(expect.objectContaining({ code: 5 }));
    stream.consume(WINDOW);
    expect(server.of(WINDOW_UPDATE, 1)).toEqual([]);
  });

  test.each([
    [2, true],
    [3, false],
    [4, true],
  ])('is %d octets where 3 were announced: malformed? %p (§8.1.1)', (bytes, isMalformed) => {
    const host = { sender: { forget: () => undefined }, giveWindow: () => undefined, reset: () => undefined };
    const stream = new ServerStream(1, WINDOW, 3, host as never);
    stream.received(Buffer.alloc(bytes), bytes);
    let isRefused = false;
    try {
      stream.clientEnded();
    } catch (error) {
      isRefused = error instanceof StreamError;
    }
    expect(isRefused).toBe(isMalformed);
  });
});
