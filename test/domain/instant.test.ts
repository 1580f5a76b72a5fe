import { instant, unixSeconds } from '../../src/domain/instant.ts';

test('an instant is whole milliseconds', () => {
  expect(unixSeconds(instant(1_999))).toBe(1);
  expect(() => instant(1.5)).toThrow(RangeError);
});
