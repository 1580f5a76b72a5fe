import { StatusError } from '../../../../src/adapters/workload-api/grpc/status.ts';
import { timeoutOf } from '../../../../src/adapters/workload-api/grpc/timeout.ts';

describe('grpc-timeout', () => {
  test.each([
    ['0S', 0],
    ['1n', 1],
    ['1000001n', 2],
    ['1500u', 2],
    ['99999999m', 99_999_999],
    ['10S', 10_000],
    ['2M', 120_000],
    ['1H', 3_600_000],
  ])('%s is %d ms, rounded up: no client is told too early', (value, milliseconds) => {
    expect(timeoutOf([value])).toBe(milliseconds);
  });

  test('left out, or longer than timers can wait, is none', () => {
    expect([timeoutOf([]), timeoutOf(['99999999H']), timeoutOf(['597H'])]).toEqual([undefined, undefined, undefined]);
    expect(timeoutOf(['596H'])).toBe(596 * 3_600_000);
  });

  test.each(['', 'S', '1', '1s', '-1S', '1.5S', '123456789S', ' 1S', '1S '])('%j is no time', (value) => {
    expect(() => timeoutOf([value])).toThrow(StatusError);
  });
});
