import { appendFileSync, cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { migrate, packageMigrations, waitingMigrations } from '../../../src/adapters/sqlite/migrate.ts';

let folder: string;
let db: Database.Database;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-migrate-'));
  writeFileSync(join(folder, '0001-one.sql'), 'CREATE TABLE one (id INTEGER) STRICT;');
  db = new Database(':memory:');
});
afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true, force: true });
});

const tables = (): readonly unknown[] =>
  db.prepare(`SELECT name FROM sqlite_master WHERE name IN ('one', 'two', 'three') ORDER BY name`).pluck().all();

const second = (sql = 'CREATE TABLE two (id INTEGER) STRICT;') => writeFileSync(join(folder, '0002-two.sql'), sql);

test('each migration runs once, and only what is new runs later', () => {
  migrate(db, folder);
  expect([tables(), waitingMigrations(db, folder)]).toEqual([['one'], 0]);
  second();
  expect([tables(), waitingMigrations(db, folder)]).toEqual([['one'], 1]);
  migrate(db, folder);
  migrate(db, folder);
  expect([tables(), waitingMigrations(db, folder)]).toEqual([['one', 'two'], 0]);
});

test('a migration that fails leaves nothing of itself, and those before it stay', () => {
  second('CREATE TABLE two (id INTEGER) STRICT; CREATE TABLE two (id INTEGER) STRICT;');
  expect(() => migrate(db, folder)).toThrow('already exists');
  expect([tables(), waitingMigrations(db, folder)]).toEqual([['one'], 1]);
});

test.each([
  ['that a newer version wrote', () => rmSync(join(folder, '0002-two.sql')), 'use a newer Mayfly'],
  ['made with another migration', () => appendFileSync(join(folder, '0001-one.sql'), '-- changed'), '0001-one.sql'],
  ['with a gap before the new one', () => writeFileSync(join(folder, '0004-four.sql'), ''), 'without gaps'],
])('a store %s is refused, before a start and in it', (_name, change, words) => {
  second();
  migrate(db, folder);
  change();
  expect(() => waitingMigrations(db, folder)).toThrow(words);
  expect(() => migrate(db, folder)).toThrow(words);
});

test('a store of every earlier version is brought forward to this one', () => {
  const files = readdirSync(packageMigrations()).sort();
  expect(files.length).toBeGreaterThan(1);
  for (const [at, file] of files.slice(0, -1).entries()) {
    const store = new Database(':memory:');
    if (at === 0) rmSync(join(folder, '0001-one.sql'));
    cpSync(join(packageMigrations(), file), join(folder, file));
    migrate(store, folder);
    expect(waitingMigrations(store, packageMigrations())).toBe(files.length - at - 1);
    migrate(store, packageMigrations());
    expect(waitingMigrations(store, packageMigrations())).toBe(0);
    store.close();
  }
});
