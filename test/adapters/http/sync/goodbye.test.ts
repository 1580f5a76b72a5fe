import { goodbye } from '../../../../src/adapters/http/sync/goodbye.ts';

const told = (...args: Parameters<typeof goodbye>): unknown => JSON.parse(goodbye(...args).toString());

test('one stream that ends is told why, and nothing of others', () => {
  for (const reason of ['shutdown', 'overload', 'expired'] as const) {
    expect(told(reason)).toEqual({ type: 'bye', reason });
    expect(goodbye(reason).at(-1)).toBe(0x0a);
  }
});

test.each([0, 1, 20, 125])('%i at once come back as one does', (count) => {
  expect(told('shutdown', count)).toEqual({ type: 'bye', reason: 'shutdown' });
});

test.each([
  [126, 2],
  [1000, 8],
  [10_000, 80],
])('%i at once are told to come back over %i s', (count, within) => {
  expect(told('overload', count)).toEqual({ type: 'bye', reason: 'overload', within });
});
