import { array, assert, constant, nat, oneof, property } from 'fast-check';
import { LinkedQueue, type QueuePlace } from '../../../src/adapters/http/linked-queue.ts';

describe('a line', () => {
  it('keeps the order in which values came, whoever leaves', () => {
    const line = new LinkedQueue<string>();
    const [first, second, third] = ['a', 'b', 'c'].map((value) => line.add(value));
    expect([...line]).toEqual(['a', 'b', 'c']);
    if (second) line.remove(second);
    expect([...line]).toEqual(['a', 'c']);
    if (first) line.remove(first);
    expect(line.first).toBe('c');
    line.add('d');
    if (third) line.remove(third);
    expect([...line]).toEqual(['d']);
    expect(line.shift()).toBe('d');
    expect(line.shift()).toBeUndefined();
    expect(line.size).toBe(0);
  });

  it('lets nobody leave twice', () => {
    const line = new LinkedQueue<string>();
    const place = line.add('a');
    line.add('b');
    line.remove(place);
    line.remove(place);
    expect([...line]).toEqual(['b']);
    expect(line.size).toBe(1);
  });

  it('leads from what has left to nothing that is still here', () => {
    const line = new LinkedQueue<string>();
    line.add('a');
    const place = line.add('b');
    line.add('c');
    line.remove(place);
    expect(place).toEqual({ value: 'b', before: undefined, after: undefined });
  });

  it('goes on when one leaves while it is walked', () => {
    const line = new LinkedQueue<number>();
    const places = [1, 2, 3].map((value) => line.add(value));
    const seen: number[] = [];
    for (const value of line) {
      seen.push(value);
      const own = places[value - 1];
      if (own) line.remove(own);
    }
    expect(seen).toEqual([1, 2, 3]);
    expect(line.size).toBe(0);
  });

  it('finds a place by its value', () => {
    const line = new LinkedQueue<string>();
    line.add('a');
    const place = line.add('b');
    expect(line.find((value) => value === 'b')).toBe(place);
    expect(line.find((value) => value === 'x')).toBeUndefined();
  });

  it('is a list from which values are taken in any order', () => {
    const steps = array(oneof(constant('add' as const), constant('shift' as const), nat(20)));
    assert(
      property(steps, (chosen) => {
        const line = new LinkedQueue<number>();
        const model: QueuePlace<number>[] = [];
        let next = 0;
        for (const step of chosen) {
          if (step === 'add') model.push(line.add(next++));
          else if (step === 'shift') expect(line.shift()).toBe(model.shift()?.value);
          else for (const place of model.splice(step, 1)) line.remove(place);
          expect([...line]).toEqual(model.map(({ value }) => value));
          expect(line.size).toBe(model.length);
          expect(line.first).toBe(model[0]?.value);
        }
      }),
    );
  });
});
