import { array, assert, double, integer, property, uint8Array } from 'fast-check';
import { CHANCE_BYTES, numberBetween } from '../../src/domain/chance.ts';

const octets = uint8Array({ minLength: CHANCE_BYTES, maxLength: CHANCE_BYTES });

test('it begins with the first number and never reaches the last', () => {
  expect(numberBetween(Uint8Array.of(0, 0, 0, 0), 10, 20)).toBe(10);
  const last = numberBetween(Uint8Array.of(255, 255, 255, 255), 10, 20);
  expect(last).toBeLessThan(20);
  expect(last).toBeGreaterThan(19.99);
});

test('larger octets, larger number', () => {
  assert(
    property(
      octets,
      octets,
      integer({ min: 0, max: 1e6 }),
      double({ min: 1, max: 1e6, noNaN: true }),
      (a, b, low, span) => {
        const [one, other] = [a, b].map((each) => numberBetween(each, low, low + span));
        const isBefore = Buffer.compare(a, b) <= 0;
        expect((one ?? NaN) <= (other ?? NaN)).toBe(isBefore || one === other);
      },
    ),
  );
});

test('octets in the middle of others are read where they lie', () => {
  assert(
    property(array(integer({ min: 0, max: 255 }), { minLength: 12, maxLength: 12 }), (all) => {
      const middle = Uint8Array.from(all).subarray(5, 5 + CHANCE_BYTES);
      expect(numberBetween(middle, 0, 1)).toBe(numberBetween(Uint8Array.from(middle), 0, 1));
    }),
  );
});
