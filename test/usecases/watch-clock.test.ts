import { instant } from '../../src/domain/instant.ts';
import { ClockWatch } from '../../src/usecases/watch-clock.ts';

const clock = () => {
  const state = { wall: 1_000_000, elapsed: 0 };
  const pass = (ms: number, wallMs = ms) => {
    state.elapsed += ms;
    state.wall += wallMs;
  };
  return { now: () => instant(state.wall), monotonic: () => state.elapsed, pass };
};

test('slow drift is followed, a jump is told in seconds, and setting the clock back ends it', () => {
  const time = clock();
  const watch = new ClockWatch(time);
  for (let minute = 0; minute < 120; minute += 1) {
    time.pass(60_000, 60_500);
    expect(watch.check()).toBe(0);
  }
  time.pass(10_000, 10_000 + 3_600_000);
  expect(watch.check()).toBe(3600);
  time.pass(10_000);
  expect(watch.check()).toBe(3600);
  time.pass(10_000, 10_000 - 3_600_000);
  expect(watch.check()).toBe(0);
});

test('a clock that goes back is a jump as well', () => {
  const time = clock();
  const watch = new ClockWatch(time);
  time.pass(1000, -172_800_000);
  expect(watch.check()).toBe(-172_801);
});

test('a machine that slept is no jump, where that is known', () => {
  const time = clock();
  let slept = 0;
  const watch = new ClockWatch({ ...time, sinceBoot: () => time.monotonic() + slept });
  time.pass(1000, 28_800_000);
  slept = 28_799_000;
  expect(watch.check()).toBe(0);
  time.pass(1000, 3_601_000);
  expect(watch.check()).toBe(3600);
});

test('several steps add up, and it is over only when all of them are undone', () => {
  const time = clock();
  const watch = new ClockWatch(time);
  time.pass(1000, 3_601_000);
  expect(watch.check()).toBe(3600);
  time.pass(1000, 172_801_000);
  expect(watch.check()).toBe(176_400);
  time.pass(1000, 1000 - 172_800_000);
  expect(watch.check()).toBe(3600);
  time.pass(1000, 1000 - 3_600_000);
  expect(watch.check()).toBe(0);
});
