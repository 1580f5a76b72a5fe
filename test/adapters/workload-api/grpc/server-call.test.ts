import { acceptCall } from '../../../../src/adapters/workload-api/grpc/accept-call.ts';
import type { ServerCall } from '../../../../src/adapters/workload-api/grpc/server-call.ts';
import { ServiceTable } from '../../../../src/adapters/workload-api/grpc/service-table.ts';
import { FairTurns, type UserShare } from '../../../../src/adapters/workload-api/http2/fair-turns.ts';
import { Http2Server, number32, setting } from '../../../support/http2-server.ts';
import {
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  grpcHeaders,
  header,
  HEADERS,
  RST_STREAM,
  WINDOW_UPDATE,
} from '../../../support/raw-http2.ts';

type Call = ServerCall<string>;
type Respond = (error: unknown, answer?: unknown) => void;

const message = (text: string, bytes = Buffer.byteLength(text)): Buffer =>
  Buffer.concat([Buffer.of(0), number32(bytes), Buffer.from(text)]);

const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test/${name}`,
  originalName: name,
  requestStream,
  responseStream,
  requestSerialize: (text: string) => Buffer.from(text),
  requestDeserialize: (octets: Buffer) => {
    if (octets.includes('bad')) throw new Error('bad');
    return octets.toString();
  },
  responseSerialize: (answer: string | Buffer) => (Buffer.isBuffer(answer) ? answer : Buffer.from(answer)),
  responseDeserialize: (octets: Buffer) => octets.toString(),
});

/** Timers that fire when told. */
const timers: { ms: number; fire: () => void; isOff: boolean }[] = [];
const failed: unknown[] = [];
const room = { bytes: 0 };
let share: UserShare;
let calls: Call[] = [];
let handle: (call: Call, respond: Respond) => void = () => undefined;

const serve = (settings?: Buffer): Http2Server => {
  const table = new ServiceTable();
  const taken = (call: unknown, respond: unknown): void => {
    calls.push(call as Call);
    handle(call as Call, respond as Respond);
  };
  table.addService(
    {
      Unary: method('Unary', false, false),
      Watch: method('Watch', false, true),
      Talk: method('Talk', true, true),
    },
    { Unary: taken, Watch: taken, Talk: taken },
  );
  const delays = {
    after: (ms: number, fire: () => void) => {
      const timer = { ms, fire, isOff: false };
      timers.push(timer);
      return () => {
        timer.isOff = true;
      };
    },
  };
  const context = { peer: 'peer', room, share, delays, failed: (error: unknown) => void failed.push(error) };
  return Http2Server.begun((stream, head) => acceptCall(table, context, stream, head), settings);
};

const begin = (server: Http2Server, name: string, more: readonly Buffer[] = []): void =>
  server.say(frame(HEADERS, END_HEADERS, 1, Buffer.concat([...grpcHeaders(`/test/${name}`), ...more])));
const statusOf = (server: Http2Server): string | undefined => server.said(1).headers.at(-1)?.['grpc-status'];

beforeEach(() => {
  timers.length = 0;
  room.bytes = 0;
  share = new FairTurns().share();
  failed.length = 0;
  calls = [];
  handle = () => undefined;
});
afterEach(() => {
  expect(room.bytes).toBe(0);
});

describe('a unary call', () => {
  test('has its request, and is answered with headers, a message and a status', () => {
    handle = (call, respond) => respond(null, `got ${String(call.request)}`);
    const server = serve();
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
    handle = (_call, respond) => respond({ code: 7, details: 'no identity: 100 % ü' });
    const server = serve();
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
    const server = serve();
    begin(server, 'Unary');
    server.say(frame(DATA, END_STREAM, 1, content));
    expect([statusOf(server), calls.length]).toEqual([code, 0]);
  });

  test('whose handler throws fails, and the cause is told to us only', () => {
    handle = () => {
      throw new Error('secret');
    };
    const server = serve();
    begin(server, 'Unary');
    server.say(frame(DATA, END_STREAM, 1, message('')));
    expect(server.said(1).headers.at(-1)).toMatchObject({ 'grpc-status': '2', 'grpc-message': 'internal%20error' });
    expect(failed).toEqual([new Error('secret')]);
  });

  test('that is answered too late, or twice, changes nothing', () => {
    let respond: Respond = () => undefined;
    handle = (_call, given) => {
      respond = given;
    };
    const server = serve();
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
    const server = serve();
    begin(server, 'Unary', [header('x-large', 'y'.repeat(10_000))]);
    expect(room.bytes).toBeGreaterThan(10_000);
    server.say(frame(DATA, 0, 1, message('half', 1000)));
    expect(room.bytes).toBeGreaterThan(10_009);
    server.say(frame(RST_STREAM, 0, 1, number32(8)));
    expect(room.bytes).toBe(0);
  });

  test('is refused where its user has too much already', () => {
    room.bytes = 32 * 1024 * 1024;
    const server = serve();
    begin(server, 'Unary');
    expect(statusOf(server)).toBe('8');
    room.bytes = 0;
  });

  test('is given back too where a call ends amid what came together', () => {
    handle = (call) => call.on('data', () => call.emit('error', { code: 3, details: '' }));
    const server = serve();
    begin(server, 'Talk');
    server.say(frame(DATA, 0, 1, Buffer.concat([message('a'), message('half', 1000)])));
    expect([statusOf(server), room.bytes]).toEqual(['3', 0]);
  });

  test('is nothing but the answer when that waits for a client that does not read', () => {
    handle = (_call, respond) => respond(null, 'answer');
    const server = serve(setting(4, 0));
    begin(server, 'Unary');
    server.say(frame(DATA, END_STREAM, 1, message('asked')));
    expect([server.connection.openStreams, room.bytes]).toEqual([1, 0]);
    expect([calls[0]?.request, calls[0]?.metadata.get('te')]).toEqual([undefined, []]);
    server.say(frame(WINDOW_UPDATE, 0, 1, number32(100)));
    expect(statusOf(server)).toBe('0');
  });
});

describe('a call in both directions', () => {
  const heard: string[] = [];
  beforeEach(() => {
    heard.length = 0;
    handle = (call) => {
      call.on('data', (text: string) => heard.push(text)).on('end', () => heard.push('end'));
      call.on('cancelled', () => heard.push('cancelled'));
    };
  });

  test('hears each message, however they are cut, and the end', () => {
    const server = serve();
    begin(server, 'Talk');
    const octets = Buffer.concat([message('one'), message(''), message('three')]);
    for (const octet of octets) server.say(frame(DATA, 0, 1, Buffer.of(octet)));
    server.say(frame(DATA, END_STREAM, 1));
    expect(heard).toEqual(['one', '', 'three', 'end']);
    calls[0]?.end();
    expect(statusOf(server)).toBe('0');
  });

  test('hears nothing while it is paused, not even what came together, and gives no window', () => {
    const server = serve();
    begin(server, 'Talk');
    const [call] = calls;
    call?.once('data', () => call.pause());
    server.say(frame(DATA, END_STREAM, 1, Buffer.concat([message('one'), message('two'), message('three')])));
    expect(heard).toEqual(['one']);
    call?.resume();
    expect(heard).toEqual(['one', 'two', 'three', 'end']);
    call?.end();
  });

  test('gives window for what was held when it goes on', () => {
    const server = serve();
    begin(server, 'Talk');
    calls[0]?.pause();
    const content = message('x'.repeat(16_000));
    for (let at = 0; at < 4; at++) server.say(frame(DATA, 0, 1, content));
    expect([heard.length, server.of(WINDOW_UPDATE, 1).length]).toEqual([0, 0]);
    calls[0]?.resume();
    expect(heard).toHaveLength(4);
    expect(server.of(WINDOW_UPDATE, 1).map(({ content: octets }) => octets.readUInt32BE())).toEqual([
      4 * content.length,
    ]);
    server.connection.gone();
  });

  test('gets no further question before its client has taken the answer', () => {
    handle = (call) => call.on('data', (text: string) => call.write(text));
    const server = serve(setting(4, 0));
    begin(server, 'Talk');
    const stream = server.streams[0];
    server.say(frame(DATA, 0, 1, Buffer.concat(Array.from({ length: 100 }, () => message('question')))));
    server.outbox.flush();
    expect(stream?.queue).toHaveLength(1);
    for (let at = 0; at < 100; at++) {
      server.say(frame(WINDOW_UPDATE, 0, 1, number32(13)));
      server.outbox.flush();
      expect(stream?.queue.length).toBeLessThan(2);
    }
    expect(server.said(1).data).toHaveLength(1300);
    server.connection.gone();
  });

  test('gets questions that were held back in the turns of its user', async () => {
    handle = (call) => call.on('data', (text: string) => call.write(text.repeat(1000)));
    const server = serve();
    begin(server, 'Talk');
    server.say(frame(DATA, 0, 1, Buffer.concat([message('a'), message('b'), message('c')])));
    share.spend(512);
    const answers = (): number => Math.floor(server.said(1).data.length / 1005);
    expect(answers()).toBe(1);
    server.outbox.flush();
    expect(answers()).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(answers()).toBe(2);
    expect(answers()).toBe(3);
    server.connection.gone();
  });

  test('that is over waits for no turn', async () => {
    handle = (call) => call.on('data', (text: string) => call.write(text));
    const server = serve();
    begin(server, 'Talk');
    server.say(frame(DATA, 0, 1, Buffer.concat([message('a'), message('b')])));
    share.spend(512);
    server.outbox.flush();
    server.say(frame(RST_STREAM, 0, 1, number32(8)));
    await new Promise((resolve) => setImmediate(resolve));
    expect([share.isQueued, server.said(1).data]).toEqual([false, message('a')]);
  });

  test.each<[string, Buffer]>([
    ['a message of another kind', frame(DATA, 0, 1, message('bad'))],
    ['a message that is cut off', frame(DATA, END_STREAM, 1, message('a', 9))],
  ])('that ends by %s tells its handler, which may wait for other things', (_name, octets) => {
    const server = serve();
    begin(server, 'Talk');
    server.say(octets);
    expect([statusOf(server), heard]).toEqual(['13', ['cancelled']]);
  });

  test('tells its handler when the client takes it back, or is gone', () => {
    for (const leave of [
      (server: Http2Server) => server.say(frame(RST_STREAM, 0, 1, number32(8))),
      (server: Http2Server) => server.connection.gone(),
    ]) {
      const server = serve();
      begin(server, 'Talk');
      leave(server);
      expect(heard.splice(0)).toEqual(['cancelled']);
    }
  });

  test('whose handler throws where it is told that it is over, harms nobody else', () => {
    handle = (call) =>
      call.on('cancelled', () => {
        throw new Error('a bug');
      });
    const server = serve();
    begin(server, 'Talk');
    server.connection.gone();
    expect(failed).toEqual([new Error('a bug')]);
  });
});

describe('a deadline', () => {
  const timeout = header('grpc-timeout', '100m');

  test('ends a call, and tells its handler', () => {
    let isCancelled = false;
    handle = (call) => call.on('cancelled', () => (isCancelled = true));
    const server = serve();
    begin(server, 'Talk', [timeout]);
    expect(timers.map(({ ms }) => ms)).toEqual([100]);
    timers[0]?.fire();
    expect([statusOf(server), isCancelled]).toEqual(['4', true]);
  });

  test('is called off by the end of the call, and does nothing behind it', () => {
    handle = (_call, respond) => respond(null, '');
    const server = serve();
    begin(server, 'Unary', [timeout]);
    server.say(frame(DATA, END_STREAM, 1, message('')));
    expect([statusOf(server), timers[0]?.isOff]).toEqual(['0', true]);
    const before = server.frames().length;
    timers[0]?.fire();
    expect(server.frames()).toHaveLength(before);
  });

  test('takes away what a client has not read', () => {
    handle = (call) => call.write('x'.repeat(1000));
    const server = serve(setting(4, 10));
    begin(server, 'Talk', [timeout]);
    timers[0]?.fire();
    expect(server.of(RST_STREAM, 1).map(({ content }) => content.readUInt32BE())).toEqual([8]);
    expect([server.streams[0]?.queue, server.connection.openStreams]).toEqual([[], 0]);
  });
});

test('messages wait for the client, and who wrote them hears when it has taken them', () => {
  const written: string[] = [];
  handle = (call) => {
    call.write('one', () => written.push('one'));
    call.write('two', () => written.push('two'));
  };
  const server = serve(setting(4, 8));
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
  handle = (call) => call.write(shared);
  const servers = [serve(setting(4, 0)), serve(setting(4, 0))];
  for (const server of servers) {
    begin(server, 'Watch');
    server.say(frame(DATA, END_STREAM, 1, message('')));
  }
  const [one, other] = servers.map((server) => server.streams[0]?.queue[0]?.octets);
  expect(one).toEqual(message('x'.repeat(1000)));
  expect(one === other).toBe(true);
  for (const server of servers) server.connection.gone();
});
