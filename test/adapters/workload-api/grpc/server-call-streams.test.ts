import { begin, GrpcCalls, message, statusOf } from '../../../support/grpc-calls.ts';
import { type Http2Server, number32, setting } from '../../../support/http2-server.ts';
import { DATA, END_STREAM, frame, RST_STREAM, WINDOW_UPDATE } from '../../../support/raw-http2.ts';

let grpc: GrpcCalls;
beforeEach(() => {
  grpc = new GrpcCalls();
});
afterEach(() => {
  expect(grpc.room.bytes).toBe(0);
});

describe('a call in both directions', () => {
  const heard: string[] = [];
  beforeEach(() => {
    heard.length = 0;
    grpc.handle = (call) => {
      call.on('data', (text: string) => heard.push(text)).on('end', () => heard.push('end'));
      call.on('cancelled', () => heard.push('cancelled'));
    };
  });

  test('hears each message, however they are cut, and the end', () => {
    const server = grpc.serve();
    begin(server, 'Talk');
    const octets = Buffer.concat([message('one'), message(''), message('three')]);
    for (const octet of octets) server.say(frame(DATA, 0, 1, Buffer.of(octet)));
    server.say(frame(DATA, END_STREAM, 1));
    expect(heard).toEqual(['one', '', 'three', 'end']);
    grpc.calls[0]?.end();
    expect(statusOf(server)).toBe('0');
  });

  test('hears nothing while it is paused, not even what came together, and gives no window', () => {
    const server = grpc.serve();
    begin(server, 'Talk');
    const [call] = grpc.calls;
    call?.once('data', () => call.pause());
    server.say(frame(DATA, END_STREAM, 1, Buffer.concat([message('one'), message('two'), message('three')])));
    expect(heard).toEqual(['one']);
    call?.resume();
    expect(heard).toEqual(['one', 'two', 'three', 'end']);
    call?.end();
  });

  test('gives window for what was held when it goes on', () => {
    const server = grpc.serve();
    begin(server, 'Talk');
    grpc.calls[0]?.pause();
    const content = message('x'.repeat(16_000));
    for (let at = 0; at < 4; at++) server.say(frame(DATA, 0, 1, content));
    expect([heard.length, server.of(WINDOW_UPDATE, 1).length]).toEqual([0, 0]);
    grpc.calls[0]?.resume();
    expect(heard).toHaveLength(4);
    expect(server.of(WINDOW_UPDATE, 1).map(({ content: octets }) => octets.readUInt32BE())).toEqual([
      4 * content.length,
    ]);
    server.connection.gone();
  });

  test('gets no further question before its client has taken the answer', () => {
    grpc.handle = (call) => call.on('data', (text: string) => call.write(text));
    const server = grpc.serve(setting(4, 0));
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
    grpc.handle = (call) => call.on('data', (text: string) => call.write(text.repeat(1000)));
    const server = grpc.serve();
    begin(server, 'Talk');
    server.say(frame(DATA, 0, 1, Buffer.concat([message('a'), message('b'), message('c')])));
    grpc.share.spend(512);
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
    grpc.handle = (call) => call.on('data', (text: string) => call.write(text));
    const server = grpc.serve();
    begin(server, 'Talk');
    server.say(frame(DATA, 0, 1, Buffer.concat([message('a'), message('b')])));
    grpc.share.spend(512);
    server.outbox.flush();
    server.say(frame(RST_STREAM, 0, 1, number32(8)));
    await new Promise((resolve) => setImmediate(resolve));
    expect([grpc.share.isQueued, server.said(1).data]).toEqual([false, message('a')]);
  });

  test.each<[string, Buffer]>([
    ['a message of another kind', frame(DATA, 0, 1, message('bad'))],
    ['a message that is cut off', frame(DATA, END_STREAM, 1, message('a', 9))],
  ])('that ends by %s tells its handler, which may wait for other things', (_name, octets) => {
    const server = grpc.serve();
    begin(server, 'Talk');
    server.say(octets);
    expect([statusOf(server), heard]).toEqual(['13', ['cancelled']]);
  });

  test('tells its handler when the client takes it back, or is gone', () => {
    for (const leave of [
      (server: Http2Server) => server.say(frame(RST_STREAM, 0, 1, number32(8))),
      (server: Http2Server) => server.connection.gone(),
    ]) {
      const server = grpc.serve();
      begin(server, 'Talk');
      leave(server);
      expect(heard.splice(0)).toEqual(['cancelled']);
    }
  });

  test('whose handler throws where it is told that it is over, harms nobody else', () => {
    grpc.handle = (call) =>
      call.on('cancelled', () => {
        throw new Error('a bug');
      });
    const server = grpc.serve();
    begin(server, 'Talk');
    server.connection.gone();
    expect(grpc.failed).toEqual([new Error('a bug')]);
  });
});
