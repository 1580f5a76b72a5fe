import * as fc from 'fast-check';
import { MessageReader } from '../../../../src/adapters/workload-api/grpc/message-reader.ts';
import { RoomOfCall } from '../../../../src/adapters/workload-api/grpc/request-room.ts';
import { STATUS, StatusError } from '../../../../src/adapters/workload-api/grpc/status.ts';
import { number32 } from '../../../support/http2-server.ts';

const MOST = 1000;
const ROOM = 32 * 1024 * 1024;

const message = (content: Uint8Array | string): Buffer =>
  Buffer.concat([Buffer.of(0), number32(content.length), Buffer.from(content)]);

const room = { bytes: 0 };
let taken: string[] = [];
let wanted = Number.POSITIVE_INFINITY;
const newReader = (): MessageReader => {
  const reader: MessageReader = new MessageReader(new RoomOfCall(room), MOST, (each) => {
    taken.push(each.toString('hex'));
    wanted -= 1;
    if (wanted === 0) reader.hold();
  });
  return reader;
};
const codeOf = (step: () => void): number | undefined => {
  try {
    step();
    return undefined;
  } catch (error) {
    return error instanceof StatusError ? error.status.code : Number.NaN;
  }
};

beforeEach(() => {
  room.bytes = 0;
  taken = [];
  wanted = Number.POSITIVE_INFINITY;
});

describe('messages', () => {
  test('are the same wherever they are cut, and leave no room taken', () => {
    const contents = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
    fc.assert(
      fc.property(contents, fc.array(fc.nat(400), { maxLength: 20 }), fc.nat(9), (messages, cuts, pauseAfter) => {
        taken = [];
        wanted = pauseAfter === 0 ? Number.POSITIVE_INFINITY : pauseAfter;
        const reader = newReader();
        let rest = Buffer.concat(messages.map(message));
        for (const cut of [...cuts, rest.length]) {
          reader.push(rest.subarray(0, cut));
          rest = rest.subarray(cut);
        }
        expect(taken).toHaveLength(Math.min(messages.length, pauseAfter === 0 ? messages.length : pauseAfter));
        reader.goOn();
        expect(taken).toEqual(messages.map((each) => Buffer.from(each).toString('hex')));
        expect([reader.isAmid, room.bytes]).toEqual([false, 0]);
      }),
    );
  });

  test('that are not whole count in the room of their user, until they are dropped', () => {
    const reader = newReader();
    reader.push(Buffer.concat([message('a'), message('bcd').subarray(0, 7)]));
    expect([taken.length, reader.isAmid, room.bytes]).toEqual([1, true, 7]);
    reader.drop();
    expect([reader.isAmid, room.bytes]).toEqual([false, 0]);
    reader.push(message('e'));
    expect([taken.length, room.bytes]).toEqual([1, 0]);
  });

  test('that nobody wants yet count too, and come when they are wanted', () => {
    wanted = 1;
    const reader = newReader();
    reader.push(Buffer.concat([message('a'), message('b'), message('c')]));
    expect([taken, reader.isAmid, room.bytes]).toEqual([['61'], true, 12]);
    wanted = 1;
    reader.goOn();
    expect([taken, room.bytes]).toEqual([['61', '62'], 6]);
    reader.goOn();
    expect([taken, room.bytes]).toEqual([['61', '62', '63'], 0]);
  });

  test('end where one of them ends the call', () => {
    const reader: MessageReader = new MessageReader(new RoomOfCall(room), MOST, () => {
      taken.push('one');
      reader.drop();
    });
    reader.push(Buffer.concat([message('a'), message('b'), Buffer.of(0, 0)]));
    expect([taken, reader.isAmid, room.bytes]).toEqual([['one'], false, 0]);
  });

  test.each([
    ['larger than allowed', Buffer.concat([Buffer.of(0), number32(MOST + 1)]), STATUS.RESOURCE_EXHAUSTED],
    ['compressed', Buffer.concat([Buffer.of(1), number32(0)]), STATUS.UNIMPLEMENTED],
    ['of a flag that is none', Buffer.concat([Buffer.of(2), number32(0)]), STATUS.UNIMPLEMENTED],
  ])('%s are refused, as soon as that is known, and take no room', (_name, octets, code) => {
    const reader = newReader();
    reader.push(octets.subarray(0, 4));
    expect(codeOf(() => reader.push(octets.subarray(4)))).toBe(code);
    expect([taken, room.bytes]).toEqual([[], 0]);
  });

  test('as large as allowed pass', () => {
    newReader().push(message(Buffer.alloc(MOST)));
    expect(taken).toHaveLength(1);
  });

  test('are refused where their user has too many under way', () => {
    room.bytes = ROOM - 6;
    const reader = newReader();
    reader.push(message('whole'));
    reader.push(message('half').subarray(0, 6));
    expect(codeOf(() => reader.push(Buffer.of(0)))).toBe(STATUS.RESOURCE_EXHAUSTED);
    expect(room.bytes).toBe(ROOM);
    reader.drop();
    expect(room.bytes).toBe(ROOM - 6);
  });
});
