import { type Field, KnownFields } from '../../../../src/adapters/workload-api/http2/hpack-field.ts';

const field = (name: string, value: string): Field => ({ name, value });

describe('fields of many connections', () => {
  test('that are the same are one', () => {
    const known = new KnownFields();
    const first = known.of(field('te', 'trailers'));
    expect(known.of(field('te', 'trailers'))).toBe(first);
  });

  test('are told apart by name, value and where one ends', () => {
    const known = new KnownFields();
    known.of(field('ab', 'cd'));
    for (const [name, value] of [
      ['ab', 'ce'],
      ['ac', 'cd'],
      ['abc', 'd'],
    ] as const) {
      const other = field(name, value);
      expect(known.of(other)).toBe(other);
    }
  });

  test('that are long are not kept, and neither are more than a few hundred', () => {
    const known = new KnownFields();
    const long = field('a', 'x'.repeat(200));
    known.of(long);
    const again = field('a', 'x'.repeat(200));
    expect(known.of(again)).toBe(again);
    for (let n = 0; n < 256; n += 1) known.of(field('n', String(n)));
    known.of(field('late', '1'));
    const late = field('late', '1');
    expect(known.of(late)).toBe(late);
  });
});
