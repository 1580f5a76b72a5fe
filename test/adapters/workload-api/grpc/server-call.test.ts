import { begin, GrpcCalls, message, statusOf, type Respond } from '../../../support/grpc-calls.ts';
import { number32, setting } from '../../../support/http2-server.ts';
import {
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  header,
  HEADERS,
  RST_STREAM,
  WINDOW_UPDATE,
} from '../../../support/raw-http2.ts';

let grpc: GrpcCalls;
beforeEach(() => {
  grpc = new GrpcCalls();
});
afterEach(() => {
  expect(grpc.room.bytes).toBe(0);
});

describe('a unary call', () => {
  test('has its request, and is answered with headers, a message and a status', () => {
    grpc.handle = (call, respond) => respond(null, `got ${String(call.request)}`);
    const server = grpc.serve();
    begin(server, 'Unary');
    server.say(frame(DATA, END_STREAM, 1, message('this')));
    expect(server.said(1)).toEqual({
      headers: [
        expect.objectContaining({ ':status': '200', 'content-type': 'application/grpc' }),
        { 'grpc-status': '0' },
      ],
      data: message('got this'),
    });
    expect(server.of(RST_STREAM, 1)).toEqual([]);
  });

  test('that is refused is answered with nothing but a status, in one frame', () => {
    grpc.handle = (_call, respond) => respond({ code: 7, details: 'no identity: 100 % ü' });
    const server = grpc.serve();
    begin(server, 'Unary');
    server.say(frame(DATA, END_STREAM, 1, message('')));
    expect(server.of(HEADERS, 1).map(({ flags }) => flags)).toEqual([END_HEADERS | END_STREAM]);
    expect(server.said(1).headers).toEqual([
      expect.objectContaining({
        ':status': '200',
        'grpc-status': '7',
        'grpc-message': 'no%20identity:%20100%20%25%20%C3%BC',
      }),
    ]);
  });

  test.each<[string, Buffer, string]>([
    ['no message', Buffer.alloc(0), '12'],
    ['two messages', Buffer.concat([message('a'), message('b')]), '12'],
    ['a message that is cut off', message('a', 9), '13'],
    ['a message of another kind', message('bad'), '13'],
    ['a compressed message', Buffer.concat([Buffer.of(1), message('a').subarray(1)]), '12'],
    ['a message larger than 1 MiB', message('', 1024 * 1024 + 1), '8'],
  ])('with %s fails, and its handler hears nothing of it', (_name, content, code) => {
    const server = grpc.serve();
    begin(server, 'Unary');
    server.say(frame(DATA, END_STREAM, 1, content));
    expect([statusOf(server), grpc.calls.length]).toEqual([code, 0]);
  });

  test('whose handler throws fails, and the cause is told to us only', () => {
    grpc.handle = () => {
      throw new Error('secret');
    };
    const server = grpc.serve();
    begin(server, 'Unary');
    server.say(frame(DATA, END_STREAM, 1, message('')));
    expect(server.said(1).headers.at(-1)).toMatchObject({ 'grpc-status': '2', 'grpc-message': 'internal%20error' });
    expect(grpc.failed).toEqual([new Error('secret')]);
  });

  test('that is answered too late, or twice, changes nothing', () => {
    let respond: Respond = () => undefined;
    grpc.handle = (_call, given) => {
      respond = given;
    };
    const server = grpc.serve();
    begin(server, 'Unary');
    server.say(frame(DATA, END_STREAM, 1, message('')));
    respond(null, 'a');
    const before = server.frames().length;
    respond(null, 'b');
    respond({ code: 3, details: '' });
    expect(server.frames()).toHaveLength(before);
  });
});

describe('what a call keeps of its client', () => {
  test('is counted, headers too, and all given back', () => {
    const server = grpc.serve();
    begin(server, 'Unary', [header('x-large', 'y'.repeat(10_000))]);
    expect(grpc.room.bytes).toBeGreaterThan(10_000);
    server.say(frame(DATA, 0, 1, message('half', 1000)));
    expect(grpc.room.bytes).toBeGreaterThan(10_009);
    server.say(frame(RST_STREAM, 0, 1, number32(8)));
    expect(grpc.room.bytes).toBe(0);
  });

  test('is refused where its user has too much already', () => {
    grpc.room.bytes = 32 * 1024 * 1024;
    const server = grpc.serve();
    begin(server, 'Unary');
    expect(statusOf(server)).toBe('8');
    grpc.room.bytes = 0;
  });

  test('is given back too where a call ends amid what came together', () => {
    grpc.handle = (call) => call.on('data', () => call.emit('error', { code: 3, details: '' }));
    const server = grpc.serve();
    begin(server, 'Talk');
    server.say(frame(DATA, 0, 1, Buffer.concat([message('a'), message('half', 1000)])));
    expect([statusOf(server), grpc.room.bytes]).toEqual(['3', 0]);
  });

  test('is nothing but the answer when that waits for a client that does not read', () => {
    grpc.handle = (_call, respond) => respond(null, 'answer');
    const server = grpc.serve(setting(4, 0));
    begin(server, 'Unary');
    server.say(frame(DATA, END_STREAM, 1, message('asked')));
    expect([server.connection.openStreams, grpc.room.bytes]).toEqual([1, 0]);
    expect([grpc.calls[0]?.request, grpc.calls[0]?.metadata.get('te')]).toEqual([undefined, []]);
    server.say(frame(WINDOW_UPDATE, 0, 1, number32(100)));
    expect(statusOf(server)).toBe('0');
  });
});

describe('a deadline', () => {
  const timeout = header('grpc-timeout', '100m');

  test('ends a call, and tells its handler', () => {
    let isCancelled = false;
    grpc.handle = (call) => call.on('cancelled', () => (isCancelled = true));
    const server = grpc.serve();
    begin(server, 'Talk', [timeout]);
    expect(grpc.timers.map(({ ms }) => ms)).toEqual([100]);
    grpc.timers[0]?.fire();
    expect([statusOf(server), isCancelled]).toEqual(['4', true]);
  });

  test('is called off by the end of the call, and does nothing behind it', () => {
    grpc.handle = (_call, respond) => respond(null, '');
    const server = grpc.serve();
    begin(server, 'Unary', [timeout]);
    server.say(frame(DATA, END_STREAM, 1, message('')));
    expect([statusOf(server), grpc.timers[0]?.isOff]).toEqual(['0', true]);
    const before = server.frames().length;
    grpc.timers[0]?.fire();
    expect(server.frames()).toHaveLength(before);
  });

  test('takes away what a client has not read', () => {
    grpc.handle = (call) => call.write('x'.repeat(1000));
    const server = grpc.serve(setting(4, 10));
    begin(server, 'Talk', [timeout]);
    grpc.timers[0]?.fire();
    expect(server.of(RST_STREAM, 1).map(({ content }) => content.readUInt32BE())).toEqual([8]);
    expect([server.streams[0]?.queue, server.connection.openStreams]).toEqual([[], 0]);
  });
});

test('messages wait for the client, and who wrote them hears when it has taken them', () => {
  const written: string[] = [];
  grpc.handle = (call) => {
    call.write('one', () => written.push('one'));
    call.write('two', () => written.push('two'));
  };
  const server = grpc.serve(setting(4, 8));
  begin(server, 'Watch');
  server.say(frame(DATA, END_STREAM, 1, message('')));
  server.outbox.flush();
  expect(written).toEqual(['one']);
  server.say(frame(WINDOW_UPDATE, 0, 1, number32(8)));
  server.outbox.flush();
  expect(written).toEqual(['one', 'two']);
  server.connection.gone();
});

test('what all streams are sent is kept once', () => {
  const shared = Buffer.alloc(1000, 'x');
  grpc.handle = (call) => call.write(shared);
  const servers = [grpc.serve(setting(4, 0)), grpc.serve(setting(4, 0))];
  for (const server of servers) {
    begin(server, 'Watch');
    server.say(frame(DATA, END_STREAM, 1, message('')));
  }
  const [one, other] = servers.map((server) => server.streams[0]?.queue[0]?.octets);
  expect(one).toEqual(message('x'.repeat(1000)));
  expect(one === other).toBe(true);
  for (const server of servers) server.connection.gone();
});
