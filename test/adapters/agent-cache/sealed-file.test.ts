import { randomBytes } from 'node:crypto';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sealedFile, type SealedFileOptions } from '../../../src/adapters/agent-cache/sealed-file.ts';
import { testEntropy } from '../../support/ledger.ts';
import { silentLogger } from '../../support/silent-logger.ts';

let folder: string;
let warnings: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-cache-'));
  warnings = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const KEY = randomBytes(32);
const SECRET = Buffer.from('the key of a workload, which nobody may read');

const cache = (changes: Partial<SealedFileOptions> = {}) =>
  sealedFile({
    path: join(folder, 'holdings'),
    key: KEY,
    trustDomain: 'example.org',
    entropy: testEntropy,
    logger: { ...silentLogger, warn: (_text, fields) => warnings.push(String(fields?.['problem'])) },
    ...changes,
  });

const file = (): string => join(folder, 'holdings');

test('what was saved is loaded, and lies on disk sealed, for its owner alone', async () => {
  await cache().save(SECRET);
  expect(Buffer.from((await cache().load()) ?? [])).toEqual(SECRET);
  expect(statSync(file()).mode & 0o777).toBe(0o600);
  expect(readFileSync(file()).includes('workload')).toBe(false);
  await cache().save(Buffer.from('newer'));
  expect(Buffer.from((await cache().load()) ?? []).toString()).toBe('newer');
  expect(readdirSync(folder)).toEqual(['holdings']);
  expect(warnings).toEqual([]);
});

test('no two files look alike', async () => {
  await cache().save(SECRET);
  const first = readFileSync(file());
  await cache().save(SECRET);
  expect(readFileSync(file()).equals(first)).toBe(false);
});

test('nothing is nothing, without a warning', async () => {
  expect(await cache().load()).toBeUndefined();
  await cache().clear();
  await cache().save(SECRET);
  await cache().clear();
  expect(await cache().load()).toBeUndefined();
  expect(readdirSync(folder)).toEqual([]);
  expect(warnings).toEqual([]);
});

test.each([
  ['another key', { key: randomBytes(32) }],
  ['another trust domain', { trustDomain: 'example.com' }],
])('it does not open with %s', async (_what, changes) => {
  await cache().save(SECRET);
  expect(await cache(changes).load()).toBeUndefined();
  expect(warnings).toEqual(['it was sealed with another key, for another trust domain, or has been changed']);
});

test('no octet of it may be another, or missing', async () => {
  await cache().save(SECRET);
  const sealed = readFileSync(file());
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Buffer.from(sealed);
    changed.writeUInt8(sealed.readUInt8(at) ^ 1, at);
    writeFileSync(file(), changed);
    expect(await cache().load()).toBeUndefined();
  }
  writeFileSync(file(), sealed);
  for (const length of [0, 5, 21, 40, sealed.length - 1]) {
    writeFileSync(file(), sealed);
    truncateSync(file(), length);
    expect(await cache().load()).toBeUndefined();
  }
  expect(warnings).toHaveLength(sealed.length + 5);
});

test('a link in its place is neither read nor written through', async () => {
  const elsewhere = join(folder, 'elsewhere');
  await cache({ path: elsewhere }).save(SECRET);
  symlinkSync(elsewhere, file());
  expect(await cache().load()).toBeUndefined();
  expect(warnings).toHaveLength(1);
  symlinkSync(elsewhere, join(folder, 'holdings.new'));
  await cache().save(Buffer.from('newer'));
  expect(Buffer.from((await cache({ path: elsewhere }).load()) ?? [])).toEqual(SECRET);
  expect(Buffer.from((await cache().load()) ?? []).toString()).toBe('newer');
});

test('a folder in its place is told in a warning, and a disk that fails rejects', async () => {
  expect(await cache({ path: folder }).load()).toBeUndefined();
  expect(warnings).toEqual(['it is not a regular file']);
  await expect(cache({ path: join(folder, 'missing', 'holdings') }).save(SECRET)).rejects.toThrow('ENOENT');
});

test('a key of another length is a mistake of the program', () => {
  expect(() => cache({ key: randomBytes(16) })).toThrow(RangeError);
});
