import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AccountNames } from '../../../src/adapters/workload-attestors/account-names.ts';

const folder = mkdtempSync(join(tmpdir(), 'mayfly-accounts-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'passwd');

test('the first name of an id counts, as for getpwuid', () => {
  writeFileSync(file, 'root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/:/bin/sh\nweb:x:33:33::/:\n');
  const names = new AccountNames(file);
  expect([names.of(0), names.of(33), names.of(34)]).toEqual(['root', 'web', undefined]);
});

test.each([
  ['no id', 'web:x'],
  ['an id that is no number', 'web:x:3 3:3'],
  ['a negative id', 'web:x:-33:3'],
  ['no name', ':x:33:33'],
  ['a comment', '#web:x:33:33'],
  ['a word to the name service', '+web:x:33:33'],
])('a line with %s names nobody', (_name, line) => {
  writeFileSync(file, `${line}\n`);
  expect(new AccountNames(file).of(33)).toBeUndefined();
});

test('a change of the file is seen at the next question', () => {
  writeFileSync(file, 'web:x:33:33::/:\n');
  const names = new AccountNames(file);
  expect(names.of(33)).toBe('web');
  writeFileSync(file, 'other:x:33:33::/:\n');
  expect(names.of(33)).toBe('other');
  rmSync(file);
  expect(names.of(33)).toBeUndefined();
  writeFileSync(file, 'third:x:33:33::/:\n');
  expect(names.of(33)).toBe('third');
});

test('a file that cannot be read is an error, not an empty file', () => {
  expect(() => new AccountNames(folder).of(0)).toThrow('EISDIR');
});

test('a huge file is refused', () => {
  writeFileSync(file, Buffer.alloc(16 * 1024 * 1024 + 1, 10));
  expect(() => new AccountNames(file).of(0)).toThrow('16 MiB');
});
