import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holdFolder } from '../../../src/adapters/sqlite/lock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a folder has one holder, until it lets go', () => {
  const letGo = holdFolder(folder);
  expect(() => holdFolder(folder)).toThrow('another Mayfly server is running');
  letGo();
  holdFolder(folder)();
});

test('what holds it is closed to others, who could hold it as well', () => {
  const letGo = holdFolder(folder);
  expect(statSync(join(folder, 'lock.db')).mode & 0o777).toBe(0o600);
  letGo();
});

test.each([0o770, 0o707, 0o777])('a folder of mode %o, in which others can put files, is not used', (mode) => {
  chmodSync(folder, mode);
  expect(() => holdFolder(folder)).toThrow('chmod 0700');
});
