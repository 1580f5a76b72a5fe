import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { readHeadFile } from '../../../src/adapters/sqlite/head-file.ts';
import { ledgerFile } from '../../../src/adapters/sqlite/open.ts';
import { deniedFixture } from '../../support/facts.ts';
import { openTestLedger } from '../../support/ledger.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-head-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A store of three entries that was closed, and what the head file then said. */
const closedStore = async () => {
  const dataDir = join(folder, 'data');
  const headFile = join(folder, 'head');
  const test = await openTestLedger({ dataDir, headFile });
  await test.ledger.append({ facts: [deniedFixture()] });
  await test.open.checkpoint();
  copyFileSync(ledgerFile(dataDir), join(folder, 'older.db'));
  await test.ledger.append({ facts: [deniedFixture()] });
  test.open.writeHead();
  const head = readHeadFile(headFile);
  await test.close({ keep: true });
  return { dataDir, headFile, head };
};

/** Changes a closed store behind its back. */
const tamper = (dataDir: string, sql: string): void => {
  const db = new Database(ledgerFile(dataDir));
  for (const name of ['log_entry_is_never_changed', 'log_entry_is_never_deleted', 'log_tile_never_shrinks']) {
    db.exec(`DROP TRIGGER ${name}`);
  }
  db.exec(sql);
  db.close();
};

type Closed = Awaited<ReturnType<typeof closedStore>>;

const rollBack = ({ dataDir }: Closed): void => copyFileSync(join(folder, 'older.db'), ledgerFile(dataDir));

const fork = ({ headFile, head }: Closed): void =>
  writeFileSync(headFile, JSON.stringify({ ...head, root: '00'.repeat(32) }));

// DEC-11
describe('the head file', () => {
  test('holds the newest head, and a store that is as new opens', async () => {
    const { dataDir, headFile, head } = await closedStore();
    expect(head).toMatchObject({ epoch: 1, size: 3 });
    const again = await openTestLedger({ dataDir, headFile });
    expect(again.views.log.head()).toEqual(head);
    await again.close();
  });

  test('in a folder that is not there, nothing is opened, and nothing made', async () => {
    const dataDir = join(folder, 'data');
    const headFile = join(folder, 'nowhere', 'head');
    await expect(openTestLedger({ dataDir, headFile })).rejects.toMatchObject({
      code: 'ENOENT',
      message: expect.stringContaining(`the head file ${headFile} cannot be written (ENOENT)`) as string,
    });
    expect(existsSync(dataDir)).toBe(false);
  });

  test('may lie in the data folder, which is made', async () => {
    const dataDir = join(folder, 'data');
    const headFile = join(dataDir, 'head');
    await (await openTestLedger({ dataDir: `${dataDir}/`, headFile })).close({ keep: true });
    expect(readHeadFile(headFile)).toMatchObject({ epoch: 1, size: 1 });
  });

  test('whose folder is gone at the end is told of, and keeps nobody from an orderly end', async () => {
    const { dataDir, headFile } = await closedStore();
    const other = join(folder, 'other');
    mkdirSync(other);
    const lost: Error[] = [];
    const onHeadLost = (error: Error): void => void lost.push(error);
    const there = join(other, 'head');
    const again = await openTestLedger({ dataDir, headFile: there, onHeadLost });
    rmSync(other, { recursive: true });
    await again.close({ keep: true });
    const message = expect.stringContaining(`the head file ${there} cannot be written (ENOENT): its folder`) as string;
    expect(lost).toEqual([expect.objectContaining({ code: 'ENOENT', message })]);
    await (await openTestLedger({ dataDir, headFile })).close();
  });

  test.each([
    ['was rolled back', 'the head file knows more than the store: epoch 1, size 3 against epoch 1, size 2', rollBack],
    ['is of another past', 'the store and the head file hold different logs at epoch 1, size 3', fork],
  ])('a store that %s opens, takes nothing, and says who knows more', async (_name, reason, spoil) => {
    const closed = await closedStore();
    spoil(closed);
    const before = readFileSync(closed.headFile, 'utf8');
    const again = await openTestLedger(closed);
    expect(again.open.readOnly()).toContain(reason);
    const size = again.views.log.head().size;
    const appending = again.ledger.append({ facts: [{ kind: 'server-stopped' }] });
    await expect(appending).rejects.toMatchObject({ code: 'read_only', message: expect.stringContaining(reason) });
    again.open.writeHead();
    expect(again.views.log.head().size).toBe(size);
    await again.close();
    expect(readFileSync(closed.headFile, 'utf8')).toBe(before);
  });

  test('of two servers on copies of one store, the one that finds the other’s head stops', async () => {
    const { dataDir, headFile } = await closedStore();
    cpSync(dataDir, join(folder, 'copy'), { recursive: true });
    const first = await openTestLedger({ dataDir, headFile });
    const second = await openTestLedger({ dataDir: join(folder, 'copy'), headFile });
    for (const each of [first, second]) await each.ledger.append({ facts: [deniedFixture()] });
    first.open.writeHead();
    const stopped = new Promise<string>((resolve) => second.open.onReadOnly(resolve));
    second.open.writeHead();
    expect(await stopped).toContain('the store and the head file hold different logs at epoch 1, size 4');
    await expect(first.ledger.append({ facts: [deniedFixture()] })).resolves.toMatchObject({ index: 4 });
    first.open.writeHead();
    await first.close();
    await second.close();
  });

  test('a head of an earlier epoch says nothing', async () => {
    const closed = await closedStore();
    writeFileSync(closed.headFile, JSON.stringify({ ...closed.head, epoch: 0, size: 4000 }));
    const again = await openTestLedger(closed);
    expect(again.open.readOnly()).toBeUndefined();
    await again.close();
  });

  test('the file of another log is refused', async () => {
    const { dataDir, headFile, head } = await closedStore();
    writeFileSync(headFile, JSON.stringify({ ...head, logId: 'other' }));
    await expect(openTestLedger({ dataDir, headFile })).rejects.toThrow('log other');
  });

  test.each(['{}', '[]', '{"logId":"x","epoch":1,"size":-1.5,"root":""}'])('%s is no head file', async (text) => {
    const headFile = join(folder, 'head');
    writeFileSync(headFile, text);
    await expect(openTestLedger({ dataDir: join(folder, 'data'), headFile })).rejects.toThrow('not a head file');
  });
});

// transparency-log §12: refuse, never repair
describe('the self-check of a start', () => {
  test.each([
    ['a changed entry', "UPDATE log_entry SET leaf = x'7b7d' WHERE idx = 1", 'entry 1 is not the one in the tree'],
    ['a missing entry', 'DELETE FROM log_entry WHERE idx = 2', 'entry 2 is missing'],
    ['an entry too many', "INSERT INTO log_entry (idx, leaf) VALUES (3, x'7b7d')", 'above its size 3'],
    ['a changed tile', 'UPDATE log_tile SET hashes = zeroblob(96)', 'tiles do not give the root'],
    ['a short tile', 'UPDATE log_tile SET hashes = zeroblob(32)', 'missing or too short'],
    ['a changed root', 'UPDATE log_state SET root = zeroblob(32)', 'tiles do not give the root'],
  ])('%s', async (_name, sql, message) => {
    const { dataDir } = await closedStore();
    tamper(dataDir, sql);
    const before = readFileSync(ledgerFile(dataDir));
    await expect(openTestLedger({ dataDir })).rejects.toThrow(message);
    expect(Buffer.compare(readFileSync(ledgerFile(dataDir)), before)).toBe(0);
  });

  test.each([
    ['a newer schema', "INSERT INTO migration (version, file, checksum) VALUES (99, 'x', 'y')", 'use a newer Mayfly'],
    ['another migration', "UPDATE migration SET checksum = 'x'", 'made with another 0001-ledger.sql'],
  ])('%s', async (_name, sql, message) => {
    const { dataDir } = await closedStore();
    tamper(dataDir, sql);
    await expect(openTestLedger({ dataDir })).rejects.toThrow(message);
  });
});
