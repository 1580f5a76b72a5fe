import { LastWord } from '../../src/agent/last-word.ts';
import type { Instant } from '../../src/domain/instant.ts';
import { manualTime } from '../support/manual-time.ts';
import { codeOf } from '../support/refusals.ts';

const HOUR = 3_600_000;

const newWord = (options: { asleep?: boolean } = {}) => {
  const time = manualTime();
  let slept = 0;
  const changes: boolean[] = [];
  const word = new LastWord({
    clock: { ...time.clock, ...(options.asleep === true && { sinceBoot: () => time.clock.monotonic() + slept }) },
    delays: time.delays,
    maxOffline: () => HOUR,
    changed: (mayServe) => changes.push(mayServe),
  });
  const sleep = (ms: number): void => {
    slept += ms;
  };
  return { ...time, word, changes, sleep, code: () => codeOf(async () => word.check()) };
};

test('nothing is served before the first word', async () => {
  const { word, changes, code } = newWord();
  expect(await code()).toBe('unavailable');
  word.heard();
  expect(() => word.check()).not.toThrow();
  expect(changes).toEqual([true]);
});

test('from the last word on it counts for so long, and not longer', async () => {
  const { word, changes, pass, code } = newWord();
  word.heard();
  pass(HOUR - 1);
  word.heard();
  pass(HOUR - 1);
  expect(word.mayServe).toBe(true);
  pass(1);
  expect(await code()).toBe('unavailable');
  expect(changes).toEqual([true, false]);
  word.heard();
  expect(changes).toEqual([true, false, true]);
});

test.each([-HOUR, 10 * HOUR])('a wall clock that is set by %d ms changes nothing', async (ms) => {
  const { word, clock, pass, code } = newWord();
  word.heard();
  clock.step(ms);
  pass(HOUR - 1);
  expect(word.mayServe).toBe(true);
  pass(1);
  expect(await code()).toBe('unavailable');
});

test('time that the machine slept counts', async () => {
  const { word, changes, sleep, pass, code } = newWord({ asleep: true });
  word.heard();
  sleep(2 * HOUR);
  expect(await code()).toBe('unavailable');
  pass(30_000);
  expect(changes).toEqual([true, false]);
});

test('a word that was long under way counts from when it was said', async () => {
  const { word, clock, pass, code } = newWord();
  pass(HOUR);
  word.heard(HOUR / 2);
  expect(word.at).toBe(clock.now() - HOUR / 2);
  pass(HOUR / 2 - 1);
  expect(word.mayServe).toBe(true);
  pass(1);
  expect(await code()).toBe('unavailable');
});

test('a word of before the start counts from when it was said', async () => {
  const { word, clock, pass, code } = newWord();
  word.heardAt((clock.now() - HOUR / 2) as Instant);
  pass(HOUR / 2 - 1);
  expect(word.mayServe).toBe(true);
  expect(word.at).toBeDefined();
  pass(1);
  expect(await code()).toBe('unavailable');
});

test('one that was said too long ago, or in the future, counts for nothing', async () => {
  const { word, clock, changes, code } = newWord();
  word.heardAt((clock.now() - HOUR) as Instant);
  word.heardAt((clock.now() + 61_000) as Instant);
  expect(await code()).toBe('unavailable');
  expect(changes).toEqual([]);
});

test('it can be forgotten, and leaves no timer', async () => {
  const { word, waiting, code } = newWord();
  word.heard();
  word.forget();
  expect(await code()).toBe('unavailable');
  expect(word.at).toBeUndefined();
  word.heard();
  word.stop();
  expect(waiting()).toBe(0);
});
