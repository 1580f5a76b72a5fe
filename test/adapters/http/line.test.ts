import { array, assert, constant, nat, oneof, property } from 'fast-check';
import { Line, type Place } from '../../../src/adapters/http/line.ts';

describe('a line', () => {
  it('keeps the order in which values came, whoever leaves', () => {
    const line = new Line<string>();
    const [first, second, third] = ['a', 'b', 'c'].map((value) => line.add(value));
    expect([...line]).toEqual(['a', 'b', 'c']);
    if (second) line.leave(second);
    expect([...line]).toEqual(['a', 'c']);
    if (first) line.leave(first);
    expect(line.first).toBe('c');
    line.add('d');
    if (third) line.leave(third);
    expect([...line]).toEqual(['d']);
    expect(line.shift()).toBe('d');
    expect(line.shift()).toBeUndefined();
    expect(line.size).toBe(0);
  });

  it('lets nobody leave twice', () => {
    const line = new Line<string>();
    const place = line.add('a');
    line.add('b');
    line.leave(place);
    line.leave(place);
    expect([...line]).toEqual(['b']);
    expect(line.size).toBe(1);
  });

  it('leads from what has left to nothing that is still here', () => {
    const line = new Line<string>();
    line.add('a');
    const place = line.add('b');
    line.add('c');
    line.leave(place);
    expect(place).toEqual({ value: 'b', before: undefined, after: undefined });
  });

  it('goes on when one leaves while it is walked', () => {
    const line = new Line<number>();
    const places = [1, 2, 3].map((value) => line.add(value));
    const seen: number[] = [];
    for (const value of line) {
      seen.push(value);
      const own = places[value - 1];
      if (own) line.leave(own);
    }
    expect(seen).toEqual([1, 2, 3]);
    expect(line.size).toBe(0);
  });

  it('finds a place by its value', () => {
    const line = new Line<string>();
    line.add('a');
    const place = line.add('b');
    expect(line.find((value) => value === 'b')).toBe(place);
    expect(line.find((value) => value === 'x')).toBeUndefined();
  });

  it('is a list from which values are taken in any order', () => {
    const steps = array(oneof(constant('add' as const), constant('shift' as const), nat(20)));
    assert(
      property(steps, (chosen) => {
        const line = new Line<number>();
        const model: Place<number>[] = [];
        let next = 0;
        for (const step of chosen) {
          if (step === 'add') model.push(line.add(next++));
          else if (step === 'shift') expect(line.shift()).toBe(model.shift()?.value);
          else for (const place of model.splice(step, 1)) line.leave(place);
          expect([...line]).toEqual(model.map(({ value }) => value));
          expect(line.size).toBe(model.length);
          expect(line.first).toBe(model[0]?.value);
        }
      }),
    );
  });
});
