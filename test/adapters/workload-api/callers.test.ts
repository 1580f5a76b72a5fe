import { Callers } from '../../../src/adapters/workload-api/callers.ts';

const newCallers = (connections: number, connectionsPerUid: number): Callers =>
  new Callers({ connections, connectionsPerUid });

const admitted = (callers: Callers, uid: number, count: number): number =>
  Array.from({ length: count }, () => callers.admit(uid)).filter((each) => each !== undefined).length;

test('a user has so many connections, and others have theirs', () => {
  const callers = newCallers(100, 10);
  expect(admitted(callers, 1000, 11)).toBe(10);
  expect(admitted(callers, 1001, 1)).toBe(1);
  expect(callers.open).toBe(11);
});

test('what is closed makes room', () => {
  const callers = newCallers(100, 1);
  const first = callers.admit(1000);
  expect(callers.admit(1000)).toBeUndefined();
  first?.leave();
  expect(callers.open).toBe(0);
  expect(callers.admit(1000)).toBeDefined();
});

test('users share what they are given in a turn among their connections, and with nobody else', () => {
  const callers = newCallers(100, 10);
  const [one, two, other] = [callers.admit(1000), callers.admit(1000), callers.admit(1001)];
  expect(one?.share).toBe(two?.share);
  expect(other?.share).not.toBe(one?.share);
});

test('however many users there are, root finds room', () => {
  const callers = newCallers(32, 2);
  for (let uid = 1000; uid < 1100; uid++) admitted(callers, uid, 2);
  expect(callers.open).toBe(30);
  expect(admitted(callers, 0, 3)).toBe(2);
  expect(callers.open).toBe(32);
});
