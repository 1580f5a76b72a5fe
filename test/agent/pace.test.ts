import { Pace } from '../../src/agent/pace.ts';
import { testClock } from '../support/ledger.ts';

test('a second’s worth may come at once, then as many as the rate allows', () => {
  const clock = testClock();
  const pace = new Pace(clock, 100);
  expect(pace.take(100)).toBe(0);
  expect(pace.take(50)).toBeCloseTo(500);
  clock.advance(499);
  expect(pace.take(50)).toBeGreaterThan(0);
  clock.advance(1);
  expect(pace.take(50)).toBe(0);
});

test('more than a second’s worth at once waits for a full bucket, and comes', () => {
  const clock = testClock();
  const pace = new Pace(clock, 10);
  expect(pace.take(100)).toBe(0);
  expect(pace.take(1)).toBeCloseTo(9100);
});

test('nothing is asked for while the server told to wait', () => {
  const clock = testClock();
  const pace = new Pace(clock, 100);
  pace.pause(3);
  pace.pause(1);
  expect(pace.take(1)).toBe(3000);
  clock.advance(3000);
  expect(pace.take(1)).toBe(0);
});

test('while nobody answers, calls come later and later, up to half a minute', () => {
  const clock = testClock();
  const pace = new Pace(clock, 100);
  const waits = Array.from({ length: 8 }, () => {
    pace.failed(0);
    const wait = pace.take(1);
    clock.advance(wait);
    return wait;
  });
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000]);
  pace.failed(0.999);
  expect(pace.take(1)).toBeCloseTo(15_015);
});

test('once the server is there it is asked at once, but not before it said', () => {
  const clock = testClock();
  const pace = new Pace(clock, 100);
  for (let time = 0; time < 9; time += 1) pace.failed(0);
  pace.answered();
  expect(pace.take(1)).toBe(0);
  pace.failed(0);
  expect(pace.take(1)).toBe(250);
  pace.pause(5);
  pace.answered();
  expect(pace.take(1)).toBe(5000);
});
