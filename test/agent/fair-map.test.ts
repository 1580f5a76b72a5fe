import { array, assert, boolean, integer, nat, property, record } from 'fast-check';
import { FairMap } from '../../src/agent/fair-map.ts';

test('whatever comes, it keeps its bound, and only drops of those who have the most', () => {
  const steps = array(record({ uid: nat(4), key: nat(40), isLeaving: boolean() }), { maxLength: 200 });
  assert(
    property(integer({ min: 1, max: 12 }), steps, (most, all) => {
      const map = new FairMap<number>(most);
      const model = new Map<string, number>();
      for (const { uid, key: number, isLeaving } of all) {
        const key = String(number);
        model.delete(key);
        if (isLeaving) {
          map.delete(key);
          continue;
        }
        const dropped = map.set(key, uid, uid);
        model.set(key, uid);
        if (dropped !== undefined) {
          const counts = Map.groupBy(model.values(), (owner) => owner);
          const loser = model.get(dropped);
          expect(counts.get(loser ?? -1)?.length).toBe(Math.max(...[...counts.values()].map(({ length }) => length)));
          // The oldest of theirs.
          expect([...model].find(([, owner]) => owner === loser)?.[0]).toBe(dropped);
          model.delete(dropped);
        }
        expect([...map.values()]).toEqual([...model.values()]);
        expect(map.size).toBeLessThanOrEqual(most);
      }
    }),
  );
});

test('what is set again is the youngest, and belongs to who set it last', () => {
  const map = new FairMap<string>(2);
  map.set('a', 1, 'old');
  map.set('b', 1, 'other');
  map.set('a', 2, 'new');
  expect([...map.values()]).toEqual(['other', 'new']);
  expect(map.set('c', 2, 'third')).toBe('a');
  expect(map.get('a')).toBeUndefined();
  expect(map.get('c')).toBe('third');
});
