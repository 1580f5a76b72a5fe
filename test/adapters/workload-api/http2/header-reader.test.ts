import { ConnectionError, StreamError } from '../../../../src/adapters/workload-api/http2/frames.ts';
import { HeaderReader } from '../../../../src/adapters/workload-api/http2/header-reader.ts';
import { END_HEADERS, END_STREAM, grpcHeaders, header, PADDED, WITH_PRIORITY } from '../../../support/raw-http2.ts';

const NONE = Buffer.alloc(0);
const request = (...more: readonly Buffer[]): Buffer => Buffer.concat([...grpcHeaders('/a/b'), ...more]);
const codeOf = (step: () => unknown): number | undefined => {
  try {
    step();
    return undefined;
  } catch (error) {
    return error instanceof ConnectionError || error instanceof StreamError ? error.code : Number.NaN;
  }
};

const room = { bytes: 0 };
let reader: HeaderReader;
beforeEach(() => {
  room.bytes = 0;
  reader = new HeaderReader(room);
});

describe('a block of headers (RFC 9113 §4.3)', () => {
  test('comes in one frame', () => {
    const headers = reader.begin(END_HEADERS | END_STREAM, 5, request());
    expect(headers).toMatchObject({ stream: 5, endsStream: true });
    expect(headers?.head().path).toBe('/a/b');
  });

  test('comes in several, and nothing else may come between', () => {
    const block = request();
    expect(reader.begin(END_STREAM, 5, block.subarray(0, 7))).toBeUndefined();
    expect(reader.stream).toBe(5);
    expect(reader.goOn(0, NONE)).toBeUndefined();
    const headers = reader.goOn(END_HEADERS, block.subarray(7));
    expect([reader.stream, headers?.endsStream, headers?.head().path]).toEqual([undefined, true, '/a/b']);
  });

  test('is padded, and has a priority that means nothing (§6.2)', () => {
    const content = Buffer.concat([Buffer.of(3), Buffer.of(0x80, 0, 0, 9, 200), request(), Buffer.alloc(3)]);
    expect(reader.begin(END_HEADERS | PADDED | WITH_PRIORITY, 1, content)?.head().path).toBe('/a/b');
  });

  test('that depends on itself breaks its stream (RFC 7540 §5.3.1)', () => {
    const headers = reader.begin(END_HEADERS | WITH_PRIORITY, 7, Buffer.concat([Buffer.of(0, 0, 0, 7, 0), request()]));
    expect(codeOf(() => headers?.head())).toBe(1);
  });

  test.each<[string, number, Buffer, number]>([
    ['without the length of its padding', PADDED, NONE, 6],
    ['too short for its priority', WITH_PRIORITY, Buffer.alloc(4), 6],
    ['of nothing but padding, and more of it', PADDED, Buffer.of(2, 0), 1],
  ])('%s ends the connection', (_name, flags, content, code) => {
    expect(codeOf(() => reader.begin(END_HEADERS | flags, 1, content))).toBe(code);
  });

  test('goes on only where one has begun', () => {
    expect(codeOf(() => reader.goOn(END_HEADERS, NONE))).toBe(1);
  });

  test('has an end: 64 KiB, and 64 frames behind the first', () => {
    reader.begin(0, 1, NONE);
    for (let at = 0; at < 64; at++) reader.goOn(0, NONE);
    expect(codeOf(() => reader.goOn(END_HEADERS, NONE))).toBe(11);
    const other = new HeaderReader(room);
    other.begin(0, 1, Buffer.alloc(65_535));
    expect(codeOf(() => other.goOn(END_HEADERS, Buffer.of(0)))).toBe(11);
  });
});

describe('what is not whole', () => {
  const MOST = 8 * 1024 * 1024;

  test('counts for its user until it is, or the connection is gone', () => {
    const block = request();
    reader.begin(0, 1, block.subarray(0, 10));
    reader.goOn(0, block.subarray(10, 30));
    expect(room.bytes).toBe(30);
    reader.goOn(END_HEADERS, block.subarray(30));
    expect(room.bytes).toBe(0);
    reader.begin(0, 3, block);
    reader.drop();
    reader.drop();
    expect(room.bytes).toBe(0);
  });

  test('ends the connection where the user has too much of it', () => {
    room.bytes = MOST - 10;
    expect(reader.begin(END_HEADERS, 1, request())?.stream).toBe(1);
    reader.begin(0, 3, Buffer.alloc(10));
    expect(codeOf(() => reader.goOn(0, Buffer.of(0)))).toBe(11);
    reader.drop();
    expect(room.bytes).toBe(MOST - 10);
  });
});

describe('the same block again', () => {
  test('is read once, as long as the table stays the same', () => {
    const read = (block: Buffer): unknown => reader.begin(END_HEADERS, 1, block)?.head();
    const first = read(request());
    expect(read(request())).toBe(first);
    expect(read(request(header('a', 'b')))).not.toBe(first);
    const remembered = read(Buffer.concat([...grpcHeaders('/a/b', ['x'], true)]));
    expect(read(Buffer.concat([...grpcHeaders('/a/b', ['x'], true)]))).not.toBe(remembered);
  });

  test('means something else when the table is another', () => {
    reader.begin(END_HEADERS, 1, request(header('x-a', '1', true)))?.head();
    const indexed = request(Buffer.of(0xbe));
    const before = reader.begin(END_HEADERS, 3, indexed)?.head();
    expect(before?.get('x-a')).toEqual(['1']);
    reader.begin(END_HEADERS, 5, request(header('x-a', '2', true)))?.head();
    expect(reader.begin(END_HEADERS, 7, indexed)?.head().get('x-a')).toEqual(['2']);
  });

  test('is not kept when it is long: every connection would keep one', () => {
    const long = request(header('x-long', 'y'.repeat(1024)));
    const first = reader.begin(END_HEADERS, 1, long)?.head();
    expect(reader.begin(END_HEADERS, 3, long)?.head()).not.toBe(first);
  });

  test('is no trailers', () => {
    reader.begin(END_HEADERS, 1, request())?.head();
    expect(codeOf(() => reader.begin(END_HEADERS, 1, request())?.checkTrailers())).toBe(1);
    expect(codeOf(() => reader.begin(END_HEADERS, 1, header('x-a', 'b'))?.checkTrailers())).toBeUndefined();
  });
});
