import { ExpiringEntries } from '../../src/usecases/expiring-entries.ts';
import { id } from '../support/administration.ts';

const entry = (name: string, expiresAt?: number) => ({
  id: name,
  parentId: id('/parent'),
  ...(expiresAt !== undefined && { expiresAt }),
});

test('an entry is due once, when its time has come', () => {
  const expiring = new ExpiringEntries();
  expiring.watch(entry('a', 100));
  expiring.watch(entry('b', 200));
  expect(expiring.due(99)).toEqual([]);
  expect(expiring.due(100)).toEqual([{ id: 'a', parentId: id('/parent') }]);
  expect(expiring.due(150)).toEqual([]);
  expect(expiring.due(1000).map((each) => each.id)).toEqual(['b']);
});

test('an entry without an end is never due', () => {
  const expiring = new ExpiringEntries();
  expiring.watch(entry('a'));
  expect(expiring.due(Number.MAX_SAFE_INTEGER)).toEqual([]);
});

test('the end that was told last counts', () => {
  const expiring = new ExpiringEntries();
  expiring.watch(entry('a', 100));
  expiring.watch(entry('a', 300));
  expect(expiring.due(200)).toEqual([]);
  expect(expiring.due(300)).toHaveLength(1);
});
