import * as fc from 'fast-check';
import { EntryIndex } from '../../src/agent/entry-index.ts';
import type { SyncEntry } from '../../src/formats/sync-message.ts';

const entry = (id: string, ...selectors: string[]): SyncEntry => ({
  id,
  revision: 1,
  spiffeId: `spiffe://example.org/${id}`,
  selectors,
  createdAt: 0,
});

const idsOf = (entries: readonly SyncEntry[]): string[] => entries.map(({ id }) => id).sort();

test('an entry matches exactly when all its selectors are held', () => {
  const index = new EntryIndex();
  index.put(entry('uid', 'unix:uid:1'));
  index.put(entry('both', 'unix:path:/a', 'unix:uid:1'));
  index.put(entry('other', 'unix:uid:2'));
  expect(idsOf(index.matching(['unix:uid:1']))).toEqual(['uid']);
  expect(idsOf(index.matching(['unix:path:/a', 'unix:uid:1']))).toEqual(['both', 'uid']);
  expect(index.matching(['unix:path:/a'])).toEqual([]);
  expect(index.matching([])).toEqual([]);
});

test('an entry without selectors matches nobody', () => {
  const index = new EntryIndex();
  index.put(entry('open'));
  expect(index.matching(['unix:uid:1'])).toEqual([]);
  index.remove('open');
  expect(index.size).toBe(0);
});

test('a caller is compared with few entries, however many share one of its selectors', () => {
  const index = new EntryIndex();
  let looks = 0;
  for (let at = 0; at < 2000; at += 1) {
    const { selectors, ...plain } = entry(`e${at}`, 'unix:uid:1', `unix:path:/${at}`);
    index.put({
      ...plain,
      get selectors() {
        looks += 1;
        return selectors;
      },
    });
  }
  looks = 0;
  expect(idsOf(index.matching(['unix:uid:1', 'unix:path:/7']))).toEqual(['e7']);
  expect(looks).toBeLessThan(5);
});

test('after any changes it finds what a look at every entry finds', () => {
  const selector: fc.Arbitrary<string> = fc.constantFrom('a:1', 'a:2', 'b:1', 'b:2', 'c:1');
  const selectors = fc.uniqueArray(selector, { minLength: 0, maxLength: 4 });
  const step = fc.oneof(
    fc.record({ put: fc.constantFrom('p', 'q', 'r', 's', 't'), selectors }),
    fc.record({ remove: fc.constantFrom('p', 'q', 'r', 's', 't') }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), selectors, (steps, held) => {
      const index = new EntryIndex();
      const model = new Map<string, SyncEntry>();
      for (const one of steps) {
        if ('put' in one) {
          const made = entry(one.put, ...one.selectors);
          index.put(made);
          model.set(made.id, made);
        } else {
          index.remove(one.remove);
          model.delete(one.remove);
        }
      }
      const expected = [...model.values()].filter(
        (each) => each.selectors.length > 0 && each.selectors.every((one) => held.includes(one)),
      );
      expect(idsOf(index.matching(held))).toEqual(idsOf(expected));
      expect(idsOf([...index.all()])).toEqual([...model.keys()].sort());
      expect(index.size).toBe(model.size);
    }),
  );
});
