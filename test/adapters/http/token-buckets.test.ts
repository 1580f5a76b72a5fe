import { nextFull, TOKEN_BUCKET_BYTES, TokenBuckets } from '../../../src/adapters/http/token-buckets.ts';

/** The table and its words; what a bucket promises to a caller stands in limits.test.ts. */

const RATE = { perSecond: 10 };
const memory = (): SharedArrayBuffer => new SharedArrayBuffer(TOKEN_BUCKET_BYTES);

describe('when a bucket is full again', () => {
  const SECOND = 1e6;

  test.each<[string, number, number, number, number]>([
    ['one from a full bucket', 0, SECOND, 1, 1.1 * SECOND],
    ['all of its burst', 0, SECOND, 10, 2 * SECOND],
    ['one while it fills', 1.5 * SECOND, SECOND, 1, 1.6 * SECOND],
    ['more than its burst, into debt', 0, SECOND, 30, 4 * SECOND],
  ])('%s', (_what, full, now, items, next) => {
    expect(nextFull(full, now, RATE, items)).toEqual({ admitted: true, full: next });
  });

  test.each<[string, number, number, number]>([
    ['an empty one', 2 * SECOND, 1, 0.1 * SECOND],
    ['one with room for less', 1.9 * SECOND, 2, 0.1 * SECOND],
    ['one in debt', 4 * SECOND, 1, 2.1 * SECOND],
    ['a large batch from one that is not full', 1.1 * SECOND, 30, 0.1 * SECOND],
  ])('%s gives nothing, and says how long', (_what, full, items, wait) => {
    const next = nextFull(full, SECOND, RATE, items);
    expect(next.admitted).toBe(false);
    expect('waitMicros' in next ? next.waitMicros : 0).toBeCloseTo(wait, 0);
  });

  test('a burst of its own counts, and is never less than one', () => {
    expect(nextFull(0, SECOND, { perSecond: 10, burst: 2 }, 2).admitted).toBe(true);
    expect(nextFull(SECOND + 1e5, SECOND, { perSecond: 10, burst: 2 }, 2).admitted).toBe(false);
    expect(nextFull(0, SECOND, { perSecond: 0.1 }, 1).admitted).toBe(true);
    expect(nextFull(0, SECOND, { perSecond: 10, burst: 0 }, 1).admitted).toBe(true);
  });
});

describe('the table', () => {
  test('is one for all who share memory and salt, and another under another salt', () => {
    const shared = memory();
    const [one, two, other] = ['salt', 'salt', 'pepper'].map((salt) => new TokenBuckets(shared, Buffer.from(salt))) as [
      TokenBuckets,
      TokenBuckets,
      TokenBuckets,
    ];
    expect(one.take('a', RATE, 10, 1000)).toBe(0);
    expect(two.take('a', RATE, 1, 1000)).toBeGreaterThan(0);
    expect(other.take('a', RATE, 10, 1000)).toBe(0);
  });

  test('holds times of this century to the microsecond', () => {
    const held = new TokenBuckets(memory(), Buffer.from('salt'));
    const now = Date.UTC(2099, 11, 31);
    expect(held.take('a', RATE, 10, now)).toBe(0);
    expect(held.take('a', RATE, 1, now)).toBeCloseTo(100, 1);
    expect(held.take('a', RATE, 1, now + 100)).toBe(0);
  });

  /** Every word is in use by somebody of this tag, until a time in microseconds. */
  const usedBy = (tag: bigint, until: bigint): TokenBuckets => {
    const shared = memory();
    new BigUint64Array(shared).fill((tag << 52n) | until);
    return new TokenBuckets(shared, Buffer.from('salt'));
  };

  test('nobody is shut out when all of it is in use', () => {
    const held = usedBy(0xabcn, 5_000_000n);
    const waits = Array.from({ length: 200 }, (_, at) => held.take(`fresh ${at}`, RATE, 10, 1000));
    // But who shares a tag with those who use it, one in 4,096.
    expect(waits.filter((wait) => wait === 0).length).toBeGreaterThan(190);
    // And what they took counts from then on.
    expect(held.take('again', RATE, 10, 1000)).toBe(0);
    expect(held.take('again', RATE, 1, 1000)).toBeGreaterThan(0);
  });

  test('what was used in the past is free for any key, of its tag too', () => {
    for (const tag of [0n, 0xabcn, 0xfffn]) {
      const held = usedBy(tag, 1_000_000n);
      for (let at = 0; at < 100; at++) expect(held.take(`later ${at}`, RATE, 10, 1000)).toBe(0);
    }
  });
});
