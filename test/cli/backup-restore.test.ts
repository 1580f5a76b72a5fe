import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { run } from '../../src/cli/index.ts';
import { ledgerFile, openForWriting } from '../../src/adapters/sqlite/open.ts';
import { readLedger } from '../support/journey.ts';
import { type Folder, folderAt, UsedFolders } from '../support/reseal-world.ts';

/** `mayfly backup` and `mayfly restore` as an operator meets them, with no server running. */
const used = new UsedFolders();
let folder: Folder;

beforeAll(async () => {
  await used.make();
  const root = used.copy();
  folder = folderAt(root);
  const { dataDir, sealKey, admin } = folder.config.server;
  writeFileSync(folder.file, JSON.stringify({ trustDomain: 'example.org', server: { dataDir, sealKey, admin } }));
});
afterAll(() => used.remove());

const mayfly = async (...args: readonly string[]) => {
  const said = { out: '', err: '' };
  const code = await run(args, {
    environment: { MAYFLY_CONFIG: folder.file },
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    input: () => Promise.resolve(''),
  });
  return { code, ...said, json: () => JSON.parse(said.out) as Record<string, unknown> };
};

const size = (): number => readLedger(folder.config.server.dataDir, ({ log }) => log.head().size);

test.each([
  ['backup without a file', ['backup']],
  ['restore without anything', ['restore']],
  ['restore of a file and --accept at once', ['restore', 'x', '--accept']],
  ['restore with a configuration that is not there', ['restore', 'x', '--config', '/nowhere.yaml']],
])('%s is wrong use', async (_what, args) => {
  expect((await mayfly(...args)).code).toBe(2);
});

test.each([
  ['backup', 'derived from the seal key'],
  ['restore', 'opens a new epoch'],
])('%s says what it does', async (verb, words) => {
  const { code, out } = await mayfly(verb, '--help');
  expect(code).toBe(0);
  expect(out).toContain(words);
});

test('nothing is accepted where nothing stopped', async () => {
  const { code, err } = await mayfly('restore', '--accept', '--yes');
  expect(code).toBe(1);
  expect(err).toContain('the store takes writes; there is nothing to accept');
});

test('a backup is restored into an emptied folder, looked at, and accepted', async () => {
  const file = folder.at('b.mayfly');
  const backup = await mayfly('backup', file, '--json');
  expect(backup.code).toBe(0);
  expect(backup.json()).toMatchObject({ file, trustDomain: 'example.org', epoch: 1, size: size() });
  expect((await mayfly('backup', file)).err).toContain('already');

  const full = await mayfly('restore', file);
  expect([full.code, full.err]).toEqual([1, expect.stringContaining('is not empty')]);
  rmSync(folder.config.server.dataDir, { recursive: true });
  const restored = await mayfly('restore', file);
  expect([restored.code, restored.err]).toEqual([0, '']);
  expect(restored.out).toContain('mayfly restore --accept');
  expect(readdirSync(folder.config.server.dataDir)).toContain('ledger.db');

  const before = size();
  const seen = await mayfly('restore', '--accept');
  expect([seen.code, seen.err]).toEqual([1, expect.stringContaining('nothing was done')]);
  expect(seen.out).toContain('restored from the backup of');
  expect(size()).toBe(before);

  const accepted = await mayfly('restore', '--accept', '--yes', '--json');
  expect([accepted.code, accepted.err]).toEqual([0, '']);
  expect(accepted.json()).toMatchObject({ done: true, epoch: 1, size: before });
  expect(size()).toBeGreaterThan(before);
});

test('a store that is damaged says so in one sentence', async () => {
  const db = openForWriting(ledgerFile(folder.config.server.dataDir));
  db.exec("INSERT INTO read_only VALUES (1, 'a test', 1, 0); UPDATE log_state SET root = zeroblob(32)");
  db.close();
  const { code, err } = await mayfly('restore', '--accept', '--yes');
  expect(code).toBe(1);
  expect(err).toContain('the ledger is damaged');
});
