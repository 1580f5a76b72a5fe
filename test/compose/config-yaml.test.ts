import { jest } from '@jest/globals';
import process from 'node:process';
import { readYaml } from '../../src/compose/config-yaml.ts';

describe('keys', () => {
  test.each([
    ['twice', 'a: 1\nb: 2\na: 3\n', 3],
    ['twice, once in quotes', 'a: 1\n"a": 3\n', 2],
    ['a number and its text, which are one member of an object', '1: a\n"1": b\n', 2],
    ['twice in a map of a list', '- x: 1\n  x: 2\n', 2],
    ['the same list twice', '? [a]\n: 1\n? [a]\n: 2\n', 3],
  ])('%s', (_what, text, line) => {
    const { value, problems } = readYaml(text);
    expect(problems).toEqual([{ line, reason: 'a key that stands in the same section before' }]);
    expect(value).toEqual({});
  });

  test('the same in two sections are two keys', () => {
    expect(readYaml('a: {x: 1}\nb: {x: 2}\n')).toMatchObject({ value: { a: { x: 1 }, b: { x: 2 } }, problems: [] });
  });

  test('by the ten thousand are read in seconds, since each is looked at once', () => {
    const text = Array.from({ length: 20_000 }, (_, at) => `k${at}: x`).join('\n');
    const start = process.cpuUsage();
    const { value, problems } = readYaml(text);
    const { user } = process.cpuUsage(start);
    expect(problems).toEqual([]);
    expect(Object.keys(value as object)).toHaveLength(20_000);
    // In microseconds. Each compared with each other took three times as long on a fast machine.
    expect(user).toBeLessThan(4_000_000);
  });

  test('that are no text are read without a word of the library on stderr', () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    try {
      expect(readYaml('? [secret, path]\n: 1\n').problems).toEqual([]);
      expect(warned).not.toHaveBeenCalled();
    } finally {
      warned.mockRestore();
    }
  });
});
