import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileLimit } from '../../../src/adapters/system/open-files.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-limits-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const withText = (text: string): string => {
  const path = join(folder, 'limits');
  writeFileSync(path, text);
  return path;
};

test('is the soft limit', () => {
  const text = `Limit                     Soft Limit           Hard Limit           Units
Max core file size        0                    unlimited            bytes
Max open files            1024                 4096                 files
`;
  expect(openFileLimit(withText(text))).toBe(1024);
});

test.each([
  ['without bound', 'Max open files            unlimited            unlimited            files\n'],
  ['not told', 'Max processes             96396                96396                processes\n'],
])('is not known when it is %s', (_name, text) => expect(openFileLimit(withText(text))).toBeUndefined());

test('is not known where there is no such file', () => expect(openFileLimit(join(folder, 'none'))).toBeUndefined());
