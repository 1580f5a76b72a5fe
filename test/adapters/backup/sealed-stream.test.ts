import { randomBytes } from 'node:crypto';
import type { BackupHeader } from '../../../src/adapters/backup/header.ts';
import { openBackup, sealBackup } from '../../../src/adapters/backup/sealed-stream.ts';
import { gathered, piecesOf } from '../../support/backup-bytes.ts';
import { testEntropy } from '../../support/ledger.ts';

const sealKey = randomBytes(32);
const CHUNK = 64 * 1024;
const SEALED = CHUNK + 16;

const headerFor = (bytes: number): BackupHeader => ({
  trustDomain: 'example.org',
  logId: 'ab'.repeat(16),
  epoch: 1,
  size: 41,
  root: '0c'.repeat(32),
  madeAt: 1_795_000_000_000,
  bytes,
});

const sealed = (content: Uint8Array, header = headerFor(content.length)): Promise<Buffer> =>
  gathered(sealBackup(header, piecesOf(content), sealKey, testEntropy));

const opened = async (file: Uint8Array, key: Uint8Array = sealKey): Promise<Buffer> =>
  gathered((await openBackup(piecesOf(file), key)).content);

const content = randomBytes(2 * CHUNK + 1000);
let file: Buffer;
/** Where the chunks begin: behind the line and its code. */
let start: number;

beforeAll(async () => {
  file = await sealed(content);
  start = file.indexOf(0x0a) + 1 + 32;
});

test.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])('%i bytes come back', async (length) => {
  const bytes = randomBytes(length);
  expect((await opened(await sealed(bytes))).equals(bytes)).toBe(true);
});

test('in whatever pieces it comes', async () => {
  const pieces = Array.from({ length: Math.ceil(file.length / 777) }, (_, at) =>
    file.subarray(at * 777, at * 777 + 777),
  );
  const { header, content: plain } = await openBackup(piecesOf(...pieces), sealKey);
  expect(header).toEqual(headerFor(content.length));
  expect((await gathered(plain)).equals(content)).toBe(true);
});

test('nothing of it is readable but the header, and no two are alike', async () => {
  const text = Buffer.from('CREATE TABLE '.repeat(1000));
  const [one, two] = [await sealed(text), await sealed(text)];
  expect(one.includes('CREATE')).toBe(false);
  expect(one.subarray(start).equals(two.subarray(start))).toBe(false);
});

test.each([
  ['another seal key', () => openBackup(piecesOf(file), randomBytes(32)), 'under another seal key'],
  ['no backup', () => opened(randomBytes(9000)), 'this is no backup'],
  ['an empty file', () => opened(Buffer.alloc(0)), 'this is no backup'],
  ['a line that never ends', () => opened(Buffer.alloc(10_000, 0x20)), 'this is no backup'],
  ['a header alone', () => opened(file.subarray(0, start - 32)), 'under another seal key'],
  ['no chunk', () => opened(file.subarray(0, start)), 'cut off or damaged, 0 of'],
  ['half a chunk', () => opened(file.subarray(0, start + 1000)), 'cut off or damaged, 0 of'],
  ['its last byte missing', () => opened(file.subarray(0, -1)), `cut off or damaged, ${2 * CHUNK} of`],
  ['its last chunk missing', () => opened(file.subarray(0, start + 2 * SEALED)), `cut off or damaged, ${CHUNK} of`],
  ['a byte too many', () => opened(Buffer.concat([file, Buffer.alloc(1)])), 'cut off or damaged'],
])('%s is refused', async (_what, open, reason) => {
  await expect(open()).rejects.toThrow(reason);
});

test.each([
  ['the trust domain', 'example.org', 'example.com'],
  ['the log', 'abab', 'abac'],
  ['the size', '"size":41', '"size":42'],
  ['the time', '1795000000000', '1795000000001'],
])('a header with %s changed is refused', async (_what, from, to) => {
  const changed = Buffer.from(file.toString('latin1').replace(from, to), 'latin1');
  await expect(opened(changed)).rejects.toThrow('its first line was changed');
});

test('a form that is newer than this version is named', async () => {
  const newer = Buffer.from(file.toString('latin1').replace('mayfly-backup-1', 'mayfly-backup-2'), 'latin1');
  await expect(opened(newer)).rejects.toThrow('form mayfly-backup-2');
});

test('any byte that is changed is found', async () => {
  const places = [start, start + CHUNK, start + SEALED - 1, start + SEALED, start + 2 * SEALED + 5, file.length - 1];
  for (const at of places) {
    const changed = Buffer.from(file);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await expect(opened(changed)).rejects.toThrow('damaged');
  }
});

test('chunks in another order are found', async () => {
  const [first, second] = [file.subarray(start, start + SEALED), file.subarray(start + SEALED, start + 2 * SEALED)];
  const swapped = Buffer.concat([file.subarray(0, start), second, first, file.subarray(start + 2 * SEALED)]);
  await expect(opened(swapped)).rejects.toThrow('damaged');
});

test('content that is not as long as it was said to be is found', async () => {
  await expect(opened(await sealed(content, headerFor(content.length + 1)))).rejects.toThrow('in place of');
});
