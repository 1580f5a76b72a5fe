import * as fc from 'fast-check';
import { formatDuration, parseDuration } from '../../src/compose/config-values.ts';
import { nearest } from '../../src/compose/config-suggest.ts';
import { isLoopback } from '../../src/compose/loopback.ts';

describe('durations', () => {
  test.each([
    ['0s', 0],
    ['90s', 90],
    ['10m', 600],
    ['1h30m', 5400],
    ['7d', 604_800],
    ['2w', 1_209_600],
  ])('%s', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  test.each(['', '10', 'm', '1.5h', '-1m', '1 h', '10M', '1y', '10ms', '１h', '1h '])('%j is none', (text) => {
    expect(() => parseDuration(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });

  test('are read as they are written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 8 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds))).toBe(seconds);
      }),
    );
  });
});

describe('the nearest word', () => {
  test.each([
    ['dataDri', 'dataDir'],
    ['datadir', 'dataDir'],
    ['sealkey', 'sealKey'],
    ['zzz', undefined],
    ['', undefined],
  ])('to %j is %j', (word, meant) => {
    expect(nearest(word, ['dataDir', 'sealKey', 'api'])).toBe(meant);
  });
});

describe('loopback', () => {
  test.each(['127.0.0.1', '127.8.9.10', '::1'])('%s is', (address) => {
    expect(isLoopback(address)).toBe(true);
  });

  test.each(['0.0.0.0', '::', '128.0.0.1', '10.0.0.1', '::2'])('%s is not', (address) => {
    expect(isLoopback(address)).toBe(false);
  });
});
