import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeNewFile } from '../../../src/adapters/backup/new-file.ts';
import { piecesOf } from '../../support/backup-bytes.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-new-file-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const pieces = () => piecesOf(Buffer.from('one '), Buffer.from('two'));

async function* failing(code: string): AsyncGenerator<Uint8Array> {
  yield* pieces();
  throw Object.assign(new Error('write failed'), { code });
}

test('the file is whole, and its owner’s alone', async () => {
  const path = join(folder, 'f');
  expect(await writeNewFile(path, pieces())).toBe(7);
  expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['one two', 0o600]);
  expect(readdirSync(folder)).toEqual(['f']);
});

test('what a run that was cut short left is no hindrance', async () => {
  writeFileSync(join(folder, 'f.part'), 'half');
  await writeNewFile(join(folder, 'f'), pieces());
  expect(readdirSync(folder)).toEqual(['f']);
});

test.each([
  ['a file', (path: string) => writeFileSync(path, 'mine')],
  ['a link to nowhere', (path: string) => symlinkSync(join(folder, 'nowhere'), path)],
])('%s is never overwritten', async (_what, put) => {
  const path = join(folder, 'f');
  put(path);
  await expect(writeNewFile(path, pieces())).rejects.toMatchObject({ code: 'conflict' });
  expect(readdirSync(folder)).toEqual(['f']);
});

test.each([
  ['ENOSPC', 'the disk is full'],
  ['EDQUOT', 'the quota is used up'],
  ['EROFS', 'the disk takes no writes'],
])('%s is told, and nothing is left', async (code, reason) => {
  const writing = writeNewFile(join(folder, 'f'), failing(code));
  await expect(writing).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining(reason) });
  expect(readdirSync(folder)).toEqual([]);
});

test('any other failure stays what it is, and nothing is left', async () => {
  await expect(writeNewFile(join(folder, 'f'), failing('EIO'))).rejects.toMatchObject({ code: 'EIO' });
  expect(readdirSync(folder)).toEqual([]);
});
