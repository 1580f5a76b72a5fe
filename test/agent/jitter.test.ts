import { between, pauseAfter } from '../../src/agent/jitter.ts';
import { testEntropy } from '../support/ledger.ts';

const BACK_OFF = { least: 250, first: 2000, most: 30_000 };

test('between two numbers there is everything', () => {
  const ends = [new Uint8Array(4), new Uint8Array(4).fill(0xff)].map((octets) =>
    between({ bytes: () => octets }, 10, 20),
  );
  expect(ends[0]).toBe(10);
  expect(ends[1]).toBeLessThan(20);
  expect(ends[1]).toBeGreaterThan(19.99);
});

test('a thousand agents whose server went away do not come back as a herd', () => {
  for (let failures = 1; failures <= 6; failures += 1) {
    const pauses = Array.from({ length: 1000 }, () => pauseAfter(testEntropy, BACK_OFF, failures));
    const longest = Math.min(30_000, 2000 * 2 ** (failures - 1));
    const window = longest - 250;
    const tenths = Array.from({ length: 10 }, () => 0);
    for (const ms of pauses) {
      const tenth = Math.floor(((ms - 250) / window) * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    // Evenly over the whole window: 100 in each tenth, give or take.
    expect(tenths).toHaveLength(10);
    expect(Math.max(...tenths)).toBeLessThan(170);
    expect(Math.min(...tenths)).toBeGreaterThan(40);
  }
});

test('pauses stay in their bounds, however often it fails', () => {
  for (const failures of [1, 2, 10, 1000, Number.MAX_SAFE_INTEGER]) {
    const pause = pauseAfter(testEntropy, BACK_OFF, failures);
    expect(pause >= 250 && pause <= 30_000).toBe(true);
  }
});

test('what the server asked for is waited for, even beyond the longest pause', () => {
  for (const seconds of [1, 60, 600]) {
    const pauses = Array.from({ length: 50 }, () => pauseAfter(testEntropy, BACK_OFF, 1, seconds));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(seconds * 1000);
    expect(new Set(pauses).size).toBe(50);
  }
});
