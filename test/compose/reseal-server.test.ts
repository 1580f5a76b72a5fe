import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { holdFolder } from '../../src/adapters/sqlite/lock.ts';
import { ledgerFile, openForWriting } from '../../src/adapters/sqlite/open.ts';
import { ReadOnlyRow } from '../../src/adapters/sqlite/read-only-row.ts';
import { planReseal, resealServer } from '../../src/compose/reseal-server.ts';
import { startServer } from '../../src/compose/server.ts';
import { keepingLogger } from '../support/http.ts';
import { readLedger, recordedFacts } from '../support/journey.ts';
import type { Death } from '../support/reseal-until-killed.ts';
import { type Folder, folderAt, opensUnder, sealedIn, storeBytes, UsedFolders } from '../support/reseal-world.ts';
import { runCommand } from '../support/run-command.ts';

/** DEC-26: the store's keys under a new seal key. */
const used = new UsedFolders();
beforeAll(() => used.make());
afterAll(() => used.remove());

/** Two roots, an issuing CA, two keys of each JWT purpose (DEC-22). */
const KEYS = 7;

const fresh = (): Folder => folderAt(used.copy());

const keptKeys = ({ at }: Folder): readonly string[] =>
  readdirSync(at('keys')).filter((name) => name.startsWith('seal.key.until-'));

const writeKey = (file: string, fill: number, length = 32, mode = 0o400): string => {
  writeFileSync(file, new Uint8Array(length).fill(fill));
  chmodSync(file, mode);
  return file;
};

const published = ({ config }: Folder) =>
  readLedger(config.server.dataDir, ({ authorities }) => ({
    sequence: authorities.bundleSequence(),
    list: authorities.list().map(({ key: _key, ...rest }) => rest),
  }));

test('a plan says what would be done, and changes nothing', async () => {
  const folder = fresh();
  const before = storeBytes(folder);
  expect(await planReseal(folder.options)).toEqual({
    store: folder.at('data/ledger.db'),
    keys: KEYS,
    sealKey: folder.at('keys/seal.key'),
    newKey: folder.at('keys/seal.key.next'),
    resealed: false,
    swap: true,
  });
  expect(storeBytes(folder)).toBe(before);
  expect(readdirSync(folder.at('keys'))).toEqual(['seal.key']);
});

test('every key moves to the new seal key, which takes the place of the old one; a server starts on it', async () => {
  const folder = fresh();
  const { at, options, config } = folder;
  const [old, before, shown] = [readFileSync(at('keys/seal.key')), sealedIn(folder), published(folder)];
  const { index, oldKey = '', keys } = await resealServer(options);
  expect(keys).toBe(KEYS);
  expect(readdirSync(at('keys')).length).toBe(2);
  expect(readFileSync(oldKey)).toEqual(old);
  expect(readFileSync(at('keys/seal.key'))).not.toEqual(old);
  expect(statSync(at('keys/seal.key')).mode & 0o777).toBe(0o400);
  expect([await opensUnder(folder, at('keys/seal.key')), await opensUnder(folder, oldKey)]).toEqual([KEYS, 0]);
  // The world sees the same keys, in the same bundle.
  expect(published(folder)).toEqual(shown);
  const last = recordedFacts(config.server.dataDir).at(-1);
  expect(last).toMatchObject({ kind: 'keys-resealed', cursor: { index }, fact: { by: 'uid:0' } });
  const named = last?.fact?.kind === 'keys-resealed' ? last.fact.keys.map(({ id }) => id) : [];
  expect(named.toSorted()).toEqual(before.map(({ id }) => id).toSorted());
  const server = await startServer(config, { logger: keepingLogger() });
  expect(server.waitsFor).toBeUndefined();
  await server.stop();
});

test('nothing that the old key opens stays in the files of the store', async () => {
  const folder = fresh();
  const blobs = sealedIn(folder).map(({ key }) => key.blob);
  const held = storeBytes(folder);
  expect(blobs.filter((blob) => held.includes(blob))).toHaveLength(KEYS);
  await resealServer(folder.options);
  const left = storeBytes(folder);
  expect(blobs.filter((blob) => left.includes(blob))).toEqual([]);
});

test('a key that was brought is used, and where it goes is left to the operator', async () => {
  const folder = fresh();
  const newKey = writeKey(folder.at('keys/brought.key'), 9);
  const done = await resealServer({ ...folder.options, newKey, swap: false });
  expect(done.oldKey).toBeUndefined();
  expect(readdirSync(folder.at('keys')).sort()).toEqual(['brought.key', 'seal.key']);
  expect(await opensUnder(folder, newKey)).toBe(KEYS);
  expect(await opensUnder(folder, folder.at('keys/seal.key'))).toBe(0);
});

const emptyFolder = (folder: string): string => {
  mkdirSync(folder, { mode: 0o700 });
  return folder;
};

const sharesKey = (folder: Folder, file: string): string => {
  writeFileSync(file, readFileSync(folder.at('keys/seal.key')));
  chmodSync(file, 0o400);
  return file;
};

test.each<[string, (folder: Folder) => string, RegExp]>([
  ['the old key again', (folder) => sharesKey(folder, folder.at('keys/same.key')), /holds the old seal key/],
  ['too short', ({ at }) => writeKey(at('keys/short.key'), 5, 31), /does not hold 32 bytes/],
  ['open to others', ({ at }) => writeKey(at('keys/open.key'), 5, 32, 0o444), /open to group or others/],
  ['in the data folder', ({ at }) => writeKey(at('data/inside.key'), 5), /lies in the data folder/],
])('a new key that is %s is refused, and the store stays as it was', async (_name, make, words) => {
  const folder = fresh();
  const newKey = make(folder);
  const before = sealedIn(folder);
  for (const run of [planReseal, resealServer]) {
    await expect(run({ ...folder.options, newKey, swap: false })).rejects.toThrow(words);
  }
  expect(sealedIn(folder)).toEqual(before);
});

test('a new key that would be made in the data folder never reaches the store', async () => {
  const folder = fresh();
  const before = sealedIn(folder);
  const asked = { ...folder.options, newKey: folder.at('data/inside.key'), swap: false };
  await expect(resealServer(asked)).rejects.toThrow('lies in the data folder');
  expect(sealedIn(folder)).toEqual(before);
  expect(existsSync(folder.at('data/inside.key'))).toBe(false);
});

test.each<[string, (root: string) => Folder, RegExp]>([
  [
    'another seal key',
    (root) => folderAt(root, { sealKey: writeKey(`${root}/keys/other.key`, 7) }),
    /7 of 7 keys do not open under .*other\.key/,
  ],
  ['no seal key', (root) => folderAt(root, { sealKey: `${root}/keys/none.key` }), /does not exist/],
  ['another trust domain', (root) => folderAt(root, {}, 'other.org'), /belongs to trust domain example\.org/],
  ['no store', (root) => folderAt(root, { dataDir: emptyFolder(`${root}/bare`) }), /is not there/],
  ['no data folder', (root) => folderAt(root, { dataDir: `${root}/none` }), /mayfly server init makes it/],
  ['a place that is not there', (root) => folderAt(root, { sealKey: `${root}/none/seal.key` }), /does not exist/],
])('%s is refused, and no new key is made', async (_name, configured, words) => {
  const root = used.copy();
  const { options } = configured(root);
  const before = sealedIn(folderAt(root));
  await expect(resealServer(options)).rejects.toThrow(words);
  expect(existsSync(options.newKey)).toBe(false);
  expect(sealedIn(folderAt(root))).toEqual(before);
});

test('nothing happens beside a server that holds the folder', async () => {
  const folder = fresh();
  const letGo = holdFolder(folder.at('data'));
  await expect(resealServer(folder.options)).rejects.toThrow('another Mayfly server is running');
  letGo();
  expect(readdirSync(folder.at('keys'))).toEqual(['seal.key']);
});

test('a store that was brought back and not accepted takes no new seal key', async () => {
  const folder = fresh();
  const db = openForWriting(ledgerFile(folder.at('data')));
  new ReadOnlyRow(db).put({ reason: 'it was restored', epoch: 1 }, 0);
  db.close();
  await expect(resealServer(folder.options)).rejects.toThrow('the store takes no writes: it was restored');
  expect(readdirSync(folder.at('keys'))).toEqual(['seal.key']);
});

test('one key that opens under neither seal key stands in the way of all', async () => {
  const folder = fresh();
  const db = openForWriting(ledgerFile(folder.at('data')));
  const [first] = sealedIn(folder);
  const broken = { ...first, key: { kind: 'sealed', blob: `mayfly-sealed-1.${'A'.repeat(200)}` } };
  db.prepare('UPDATE authority SET data = ? WHERE id = ?').run(JSON.stringify(broken), first?.id);
  db.close();
  await expect(resealServer(folder.options)).rejects.toThrow('1 of 7 keys do not open');
  expect(await opensUnder(folder, folder.at('keys/seal.key'))).toBe(KEYS - 1);
  expect(existsSync(folder.options.newKey)).toBe(false);
});

const SCRIPT = fileURLToPath(new URL('../support/reseal-until-killed.ts', import.meta.url));

// Killed at any instruction, the old or the new key opens everything.
test.each<[Death, 'old' | 'new']>([
  [{ call: 'linkSync', nth: 1 }, 'old'],
  [{ failpoint: { name: 'before-commit', action: 'kill' } }, 'old'],
  [{ failpoint: { name: 'after-commit', action: 'kill' } }, 'new'],
  [{ call: 'linkSync', nth: 2 }, 'new'],
  [{ call: 'renameSync', nth: 2 }, 'new'],
])('killed at %j, the %s key opens everything, and the same command comes to the end', async (death, which) => {
  const root = used.copy();
  const folder = folderAt(root);
  const { at, options } = folder;
  const child = await runCommand(process.execPath, [SCRIPT, root, JSON.stringify(death)]);
  expect(child.signal).toBe('SIGKILL');
  const opening = which === 'old' ? at('keys/seal.key') : options.newKey;
  expect(await opensUnder(folder, opening)).toBe(KEYS);

  const again = await resealServer(options);
  expect(again.resealed).toBe(which === 'new');
  expect(await opensUnder(folder, at('keys/seal.key'))).toBe(KEYS);
  expect(keptKeys(folder).length).toBeGreaterThan(0);
  expect(existsSync(options.newKey)).toBe(false);
  const resealings = recordedFacts(at('data')).filter(({ kind }) => kind === 'keys-resealed');
  expect(resealings).toHaveLength(1);
});

test('a key file that was cut off by a crash is made anew', async () => {
  const folder = fresh();
  writeKey(`${folder.options.newKey}.new`, 0, 5);
  await resealServer(folder.options);
  expect(await opensUnder(folder, folder.at('keys/seal.key'))).toBe(KEYS);
});
