import { DataSender, type Outgoing } from '../../../../src/adapters/workload-api/http2/data-sender.ts';
import { headerBlock } from '../../../../src/adapters/workload-api/http2/header-block.ts';
import { Outbox } from '../../../../src/adapters/workload-api/http2/outbox.ts';
import { PeerSettings } from '../../../../src/adapters/workload-api/http2/peer-settings.ts';
import { framesOf, setting, SocketStandIn } from '../../../support/http2-server.ts';
import { DATA } from '../../../support/raw-http2.ts';

const TRAILERS = headerBlock({ a: 'b' });
const USUAL = 65_535;

let socket: SocketStandIn;
let outbox: Outbox;
let settings: PeerSettings;
let ended: number[];
let sender: DataSender;
beforeEach(() => {
  socket = new SocketStandIn();
  ended = [];
  settings = new PeerSettings();
  outbox = new Outbox(socket, () => sender.goOn());
  sender = new DataSender(outbox, settings, ({ id }) => ended.push(id));
});

const newStream = (id: number, window = USUAL): Outgoing => ({ id, window, queue: [], trailers: undefined });
const send = (stream: Outgoing, bytes: number, written?: () => void): void => {
  stream.queue.push({ octets: Buffer.alloc(bytes, stream.id), written });
  sender.send(stream);
};
const end = (stream: Outgoing): void => {
  stream.trailers = TRAILERS;
  sender.send(stream);
};
/** What was sent since this was asked last: stream and octets of content, or the end. */
const sent = (): readonly string[] => {
  outbox.flush();
  return framesOf(Buffer.concat(socket.written.splice(0))).map(({ type, stream, flags, content }) =>
    type === DATA ? `${stream}: ${content.length}` : `${stream}: headers ${flags}`,
  );
};

describe('content goes out as the windows allow (RFC 9113 §5.2)', () => {
  test('of the stream', () => {
    const stream = newStream(1, 10);
    send(stream, 25);
    expect([sent(), stream.window]).toEqual([['1: 10'], 0]);
    stream.window += 3;
    sender.widened(stream);
    expect(sent()).toEqual(['1: 3']);
    stream.window += 100;
    sender.widened(stream);
    expect([sent(), stream.window]).toEqual([['1: 12'], 88]);
  });

  test('of a stream whose window became negative (§6.9.2)', () => {
    const stream = newStream(1, -5);
    send(stream, 4);
    stream.window += 5;
    sender.widened(stream);
    expect(sent()).toEqual([]);
    stream.window += 1;
    sender.goOn();
    expect(sent()).toEqual(['1: 1']);
  });

  test('of the connection', () => {
    const [one, other] = [newStream(1, 100_000), newStream(3, 100_000)];
    send(one, 70_000);
    send(other, 10);
    expect(sent()).toEqual(['1: 16384', '1: 16384', '1: 16384', '1: 16383']);
    sender.widen(5000);
    expect(sent()).toEqual(['1: 4465', '3: 10']);
  });

  test('never wider than 2^31 - 1 (§6.9.1)', () => {
    sender.widen(0x7fff_ffff - USUAL);
    expect(() => sender.widen(1)).toThrow(expect.objectContaining({ code: 3 }));
  });

  test('in frames as large as the client takes', () => {
    settings.read(setting(5, 20_000));
    send(newStream(1), 30_000);
    expect(sent()).toEqual(['1: 20000', '1: 10000']);
  });

  test('in turns: who was served last is behind all others', () => {
    const streams = [1, 3, 5].map((id) => newStream(id, 1_000_000));
    for (const stream of streams) send(stream, 100_000);
    sent();
    sender.widen(10);
    sender.widen(20);
    sender.widen(30);
    sender.widen(40);
    expect(sent()).toEqual(['1: 10', '3: 20', '5: 30', '1: 40']);
  });

  test('as long as the client reads', () => {
    socket.isReading = false;
    sender.widen(1_000_000);
    const stream = newStream(1, 1_000_000);
    for (let at = 0; at < 10; at++) send(stream, 16_384);
    expect(sent()).toHaveLength(4);
    socket.read();
    expect(sent()).toHaveLength(4);
    socket.read();
    expect(sent()).toHaveLength(2);
  });
});

describe('the end of a stream', () => {
  test('comes behind all of its content', () => {
    const stream = newStream(1, 5);
    send(stream, 10);
    end(stream);
    expect([sent(), ended]).toEqual([['1: 5'], []]);
    stream.window += 5;
    sender.widened(stream);
    expect([sent(), ended]).toEqual([['1: 5', '1: headers 5'], [1]]);
  });

  test('needs no window', () => {
    send(newStream(1), USUAL);
    end(newStream(3, 0));
    expect([sent().at(-1), ended]).toEqual(['3: headers 5', [3]]);
  });

  test('is not said of a stream that is forgotten, and neither is the rest', () => {
    const [gone, stays] = [newStream(1, 0), newStream(3, 0)];
    for (const stream of [gone, stays]) {
      send(stream, 5);
      end(stream);
      stream.window = 5;
    }
    sender.forget(gone);
    sender.widened(gone);
    sender.goOn();
    expect([sent(), ended]).toEqual([['3: 5', '3: headers 5'], [3]]);
  });
});

test('who wrote hears of it when all of it was sent', () => {
  const written: string[] = [];
  const stream = newStream(1, 15);
  send(stream, 10, () => written.push('one'));
  send(stream, 10, () => written.push('two'));
  expect(written).toEqual([]);
  sent();
  expect(written).toEqual(['one']);
  stream.window = 5;
  sender.widened(stream);
  sent();
  expect(written).toEqual(['one', 'two']);
});

test('the first block of a connection says that the table stays empty (RFC 7541 §4.2)', () => {
  const stream = newStream(1);
  sender.headers(1, TRAILERS, false);
  end(stream);
  outbox.flush();
  expect(framesOf(Buffer.concat(socket.written)).map(({ content }) => content)).toEqual([
    Buffer.concat([Buffer.of(0x20), TRAILERS]),
    TRAILERS,
  ]);
});
