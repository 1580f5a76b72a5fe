import { Returns } from '../../src/agent/returns.ts';
import { Refusal } from '../../src/domain/refusal.ts';

/** Chance that always says the most. */
const unlucky = { bytes: (count: number) => new Uint8Array(count).fill(255) };
const away = { error: new Refusal('unavailable', 'nobody listens there') };

const longest = (returns: Returns, ends: readonly Parameters<Returns['pauseAfter']>[0][]): readonly number[] =>
  ends.map((ended) => Math.round(returns.pauseAfter(ended) / 1000));

test('pauses grow, up to half a minute', () => {
  expect(
    longest(
      new Returns(unlucky),
      Array.from({ length: 6 }, () => away),
    ),
  ).toEqual([2, 4, 8, 16, 30, 30]);
});

test('what the server says of all its agents together is not doubled by who comes before it is there', () => {
  const returns = new Returns(unlucky);
  returns.spreadOver(8);
  expect(longest(returns, [{ bye: 'shutdown' }, away, away, away])).toEqual([8, 8, 8, 16]);
  returns.succeeded();
  expect(longest(returns, [away])).toEqual([2]);
});

test('and is believed up to a minute', () => {
  const returns = new Returns(unlucky);
  returns.spreadOver(80);
  expect(longest(returns, [{ bye: 'overload' }])).toEqual([60]);
});
