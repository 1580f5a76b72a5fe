import { Outbox } from '../../../../src/adapters/workload-api/http2/outbox.ts';
import { SocketStandIn } from '../../../support/http2-server.ts';

const KIB = 1024;
const LIMIT = 64 * KIB;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('what goes out', () => {
  let socket: SocketStandIn;
  let roomAgain: number;
  let outbox: Outbox;
  beforeEach(() => {
    socket = new SocketStandIn();
    roomAgain = 0;
    outbox = new Outbox(socket, () => {
      roomAgain += 1;
    });
  });

  test('of one turn goes in one piece, in order', async () => {
    for (const each of ['a', 'bc', 'd']) outbox.add(Buffer.from(each));
    expect(socket.written).toEqual([]);
    await turn();
    expect(socket.written.map(String)).toEqual(['abcd']);
  });

  test('is not copied when it is large', () => {
    const parts = [Buffer.alloc(10 * KIB, 1), Buffer.alloc(10 * KIB, 2)];
    for (const part of parts) outbox.add(part);
    outbox.flush();
    expect(socket.written.every((octets, at) => octets === parts[at])).toBe(true);
    expect(socket.written).toHaveLength(2);
  });

  test('is told of when it was sent, and not before', () => {
    const told: string[] = [];
    outbox.add(Buffer.of(1));
    outbox.whenSent(() => told.push(`sent ${socket.written.length}`));
    expect(told).toEqual([]);
    outbox.flush();
    outbox.flush();
    expect(told).toEqual(['sent 1']);
  });

  test('stops at 64 KiB that a client has not read, and goes on when it has', () => {
    socket.isReading = false;
    outbox.add(Buffer.alloc(LIMIT - 1));
    expect(outbox.takesMore()).toBe(true);
    outbox.add(Buffer.of(1));
    expect(outbox.takesMore()).toBe(false);
    outbox.flush();
    expect([outbox.takesMore(), roomAgain]).toEqual([false, 0]);
    socket.read();
    expect([outbox.takesMore(), roomAgain]).toEqual([true, 1]);
  });

  test('goes on too where the socket itself was never full', () => {
    socket.isReading = false;
    outbox.add(Buffer.alloc(40 * KIB));
    outbox.flush();
    outbox.add(Buffer.alloc(30 * KIB));
    expect(outbox.takesMore()).toBe(false);
    socket.read();
    outbox.flush();
    socket.read();
    expect([outbox.takesMore(), roomAgain]).toEqual([true, 1]);
  });

  test('says nothing to a socket that is gone, and does not ask for more', () => {
    socket.destroyed = true;
    let isTold = false;
    outbox.add(Buffer.alloc(LIMIT));
    outbox.takesMore();
    outbox.whenSent(() => {
      isTold = true;
    });
    outbox.flush();
    expect([socket.written, isTold, roomAgain]).toEqual([[], true, 0]);
  });
});
