import { OpenStreams } from '../../../../src/adapters/workload-api/http2/open-streams.ts';
import type { ServerStream } from '../../../../src/adapters/workload-api/http2/server-stream.ts';

const MOST_OF_USER = 8192;
const stream = (id: number): ServerStream => ({ id }) as ServerStream;
const openOn = (streams: OpenStreams, ...ids: readonly number[]): void => {
  for (const id of ids) {
    streams.begin(id);
    streams.add(stream(id));
  }
};
const codeOf = (step: () => void): unknown => {
  try {
    step();
    return undefined;
  } catch (error) {
    return [(error as Error).name, (error as { readonly code?: number }).code];
  }
};

describe('the streams of a connection (RFC 9113 §5.1)', () => {
  test('are found while they are open', () => {
    const streams = new OpenStreams({ open: 0 });
    openOn(streams, 1, 3);
    expect([streams.size, streams.last, streams.get(3)?.id]).toEqual([2, 3, 3]);
    expect(streams.close(3)?.id).toBe(3);
    expect([streams.close(3), streams.get(3), streams.size, streams.last]).toEqual([undefined, undefined, 1, 3]);
  });

  test('are 128 at most: one more is refused, and may come again (§5.1.2)', () => {
    const streams = new OpenStreams({ open: 0 });
    openOn(streams, ...Array.from({ length: 128 }, (_, at) => 2 * at + 1));
    expect(codeOf(() => streams.begin(257))).toEqual(['StreamError', 7]);
    streams.close(1);
    expect(codeOf(() => streams.begin(259))).toBeUndefined();
  });

  test('have odd numbers', () => {
    expect(codeOf(() => new OpenStreams({ open: 0 }).begin(2))).toEqual(['ConnectionError', 1]);
  });

  test('are counted for their user, on all connections', () => {
    const count = { open: 0 };
    const [one, other] = [new OpenStreams(count), new OpenStreams(count)];
    openOn(one, 1, 3);
    openOn(other, 1);
    expect(count.open).toBe(3);
    one.close(1);
    one.close(1);
    expect(count.open).toBe(2);
  });

  test('end the connection where the user has 8,192 of them', () => {
    const count = { open: MOST_OF_USER - 1 };
    const streams = new OpenStreams(count);
    openOn(streams, 1);
    expect(codeOf(() => streams.begin(3))).toEqual(['StreamError', 7]);
    streams.close(1);
    expect(codeOf(() => streams.begin(5))).toBeUndefined();
  });

  test('that we ended are known for a while: what is sent on them crossed our word', () => {
    const streams = new OpenStreams({ open: 0 });
    for (let id = 1; id <= 513; id += 2) streams.closedByUs(id);
    expect([1, 3, 513].map((id) => streams.wasClosedByUs(id))).toEqual([false, true, true]);
  });

  test('have to be begun before anything else is said on them', () => {
    const streams = new OpenStreams({ open: 0 });
    openOn(streams, 5);
    expect(codeOf(() => streams.checkBegun(5))).toBeUndefined();
    expect(codeOf(() => streams.checkBegun(7))).toEqual(['ConnectionError', 1]);
  });

  test('do not go back: headers below the last are those of a closed stream, or of one that was jumped over (§5.1.1)', () => {
    const streams = new OpenStreams({ open: 0 });
    openOn(streams, 1, 3, 9, 11);
    expect([1, 3, 5, 7, 9].map((id) => streams.tooLate(id).code)).toEqual([5, 5, 1, 1, 5]);
  });
});
