import { WordAge } from '../../src/agent/word-age.ts';
import { manualTime } from '../support/manual-time.ts';

const newAge = () => {
  const { clock, pass } = manualTime();
  return { age: new WordAge(clock), clock, pass };
};

test('the first word is as old as the question', () => {
  const { age, pass } = newAge();
  age.asked();
  pass(300);
  age.told(7_000_000);
  expect(age.milliseconds).toBe(300);
});

test('a word that was held back is as old as the server’s clock says, however late it comes', () => {
  const { age, pass } = newAge();
  age.asked();
  age.told(7_000_000);
  pass(5000);
  age.told(7_005_000);
  expect(age.milliseconds).toBe(0);
  pass(60_000);
  age.told(7_010_000);
  expect(age.milliseconds).toBe(55_000);
});

test('wall clocks that are set change nothing', () => {
  const { age, clock, pass } = newAge();
  age.asked();
  age.told(1000);
  pass(5000);
  clock.step(-3_600_000);
  age.told(6000);
  expect(age.milliseconds).toBe(0);
});

test('a server whose clock runs ahead of ours says nothing from the future', () => {
  const { age, pass } = newAge();
  age.asked();
  age.told(1000);
  pass(5000);
  age.told(7000);
  expect(age.milliseconds).toBe(0);
});

test('each connection begins anew, and with a server that does not tell what comes is new', () => {
  const { age, pass } = newAge();
  age.asked();
  age.told(1000);
  pass(90_000);
  expect(age.milliseconds).toBe(90_000);
  age.asked();
  age.told(undefined);
  pass(90_000);
  age.told(undefined);
  expect(age.milliseconds).toBe(0);
});
