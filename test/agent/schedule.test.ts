import * as fc from 'fast-check';
import { Schedule } from '../../src/agent/schedule.ts';
import { testClock } from '../support/ledger.ts';
import { manualTime } from '../support/manual-time.ts';

const START = 1_000_000;

const newSchedule = () => {
  const time = manualTime(testClock(START));
  const fired: [number, string][] = [];
  const schedule = new Schedule(time.clock, time.delays, (keys) => {
    for (const key of keys) fired.push([time.clock.now() - START, key]);
  });
  return { time, fired, schedule, at: (key: string, ms: number) => schedule.set(key, START + ms) };
};

test('each key is due once, at the moment set last', () => {
  const { time, fired, schedule, at } = newSchedule();
  at('a', 500);
  at('b', 100);
  at('a', 200);
  at('c', 300);
  schedule.delete('c');
  time.pass(1000);
  expect(fired).toEqual([
    [100, 'b'],
    [200, 'a'],
  ]);
});

test('there is one timer, however many keys', () => {
  const { time, at } = newSchedule();
  for (let each = 0; each < 1000; each += 1) at(`k${each}`, 10_000 - each);
  expect(time.waiting()).toBe(1);
});

test('what is due already is told at once, but not before the caller is done', () => {
  const { time, fired, at } = newSchedule();
  at('late', -5000);
  expect(fired).toEqual([]);
  time.pass(0);
  expect(fired).toEqual([[0, 'late']]);
});

test('nothing is left after clear', () => {
  const { time, fired, schedule, at } = newSchedule();
  at('a', 10);
  schedule.clear();
  expect(time.waiting()).toBe(0);
  time.pass(100);
  expect(fired).toEqual([]);
});

test('a wall clock that was set is noticed within half a minute', () => {
  const { time, fired, at } = newSchedule();
  at('a', 3_600_000);
  time.clock.step(3_600_000);
  time.pass(30_000);
  expect(fired.map(([, key]) => key)).toEqual(['a']);
});

test('keys may be set again while they are told', () => {
  const time = manualTime(testClock(START));
  const fired: number[] = [];
  const schedule: Schedule = new Schedule(time.clock, time.delays, () => {
    fired.push(time.clock.now() - START);
    if (fired.length < 4) schedule.set('a', time.clock.now() + 50);
  });
  schedule.set('a', START + 50);
  time.pass(1000);
  expect(fired).toEqual([50, 100, 150, 200]);
});

test('whatever is set and taken away, each is due in its order', () => {
  const key = fc.integer({ min: 0, max: 30 }).map(String);
  const step = fc.tuple(key, fc.option(fc.integer({ min: 0, max: 500 }), { nil: undefined }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const { time, fired, schedule, at } = newSchedule();
      const model = new Map<string, number>();
      for (const [name, ms] of steps) {
        if (ms === undefined) schedule.delete(name);
        else at(name, ms);
        if (ms === undefined) model.delete(name);
        else model.set(name, ms);
      }
      time.pass(1000);
      expect(new Map(fired.map(([ms, name]) => [name, ms]))).toEqual(model);
      expect(fired.map(([ms]) => ms)).toEqual([...model.values()].sort((a, b) => a - b));
    }),
  );
});
