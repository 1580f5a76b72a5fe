import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Filing } from '../../../src/adapters/sqlite/filing.ts';
import { migrate, packageMigrations } from '../../../src/adapters/sqlite/migrate.ts';
import { openForWriting, type SqliteDatabase } from '../../../src/adapters/sqlite/open.ts';
import { credentialReader } from '../../../src/adapters/sqlite/view-credentials.ts';
import type { SpiffeId } from '../../../src/domain/spiffe-id.ts';

const HOLDERS = 7;
const WINDOW = 300;

let folder: string;
let db: SqliteDatabase;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-filing-'));
  db = openForWriting(join(folder, 'ledger.db'));
  migrate(db, packageMigrations());
  db.prepare("INSERT INTO name (id, text) VALUES (1, 'key')").run();
  for (let holder = 1; holder <= HOLDERS; holder += 1) {
    db.prepare('INSERT INTO holder (id, key, subject, entry) VALUES (?, ?, ?, ?)').run(
      holder,
      Buffer.of(holder),
      subject(holder),
      `entry-${holder}`,
    );
  }
});

afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true });
});

const subject = (holder: number): SpiffeId => `spiffe://example.org/h/${holder}` as SpiffeId;
const idOf = (idx: number): Buffer => Buffer.from(idx.toString(16).padStart(32, '0'), 'hex');

/** One batch of `count` credentials from `first` on, each for the next holder in turn. */
const issue = (filing: Filing, first: number, count: number): void => {
  db.transaction(() => {
    for (let idx = first; idx < first + count; idx += 1) {
      const holder = 1 + (idx % HOLDERS);
      db.prepare(
        'INSERT INTO credential (id, idx, kind, role, holder, authority, not_before, not_after) VALUES (?, ?, 0, 0, ?, 1, 0, 9)',
      ).run(idOf(idx), idx, holder);
      filing.add(idx, holder);
    }
    filing.step();
  })();
};

/** A window's worth, of which the last few begin the run: it takes three slices. */
const issueWindow = (filing: Filing): void => {
  issue(filing, 0, WINDOW - 10);
  issue(filing, WINDOW - 10, 10);
};

const ofHolder = (holder: number): number[] =>
  credentialReader(db)
    .list({ spiffeId: subject(holder) }, { limit: 10_000 })
    .map(({ index }) => index);

/** What each holder has, newest first, if the last one issued was `newest`. */
const expected = (newest: number, holder: number): number[] =>
  Array.from({ length: newest + 1 }, (_, at) => newest - at).filter((idx) => 1 + (idx % HOLDERS) === holder);

const filed = (): number => db.prepare<[], number>('SELECT count(*) FROM held_credential').pluck().get() ?? 0;

const below = (): number => db.prepare<[], number>('SELECT below FROM filing').pluck().get() ?? -1;

const expectAll = (newest: number): void => {
  for (let holder = 1; holder <= HOLDERS; holder += 1) {
    expect(ofHolder(holder)).toEqual(expected(newest, holder));
    expect(credentialReader(db).count({ entry: `entry-${holder}` })).toBe(expected(newest, holder).length);
  }
};

test('each holder has the same credentials before they are filed, while they are, and afterwards', () => {
  const filing = new Filing(db, WINDOW);
  const seen = new Set<number>();
  for (let first = 0; first < 900; first += 50) {
    issue(filing, first, 50);
    expectAll(first + 49);
    seen.add(below());
  }
  expect([...seen]).toEqual([0, 300, 600]);
  expect(filed()).toBe(600 + 128);
});

test('a run that a crash broke off is done again by the next writer', () => {
  const filing = new Filing(db, WINDOW);
  issueWindow(filing);
  expect(filed()).toBe(128);
  expect(below()).toBe(0);
  const next = new Filing(db, WINDOW);
  expectAll(WINDOW - 1);
  for (let n = 0; n < 3; n += 1) next.step();
  expect(filed()).toBe(WINDOW);
  expect(below()).toBe(WINDOW);
  expectAll(WINDOW - 1);
  expect(holding(new Filing(db, WINDOW))).toEqual([]);
});

test('what was removed meanwhile is not filed, and what was filed is removed', () => {
  const filing = new Filing(db, WINDOW);
  issueWindow(filing);
  // Sorted by holder: the first slice took the first holders, and 6 belongs to the last.
  for (const idx of [0, 6]) {
    db.prepare('DELETE FROM credential WHERE idx = ?').run(idx);
    filing.remove(idx, 1 + (idx % HOLDERS));
  }
  for (let n = 0; n < 3; n += 1) filing.step();
  expect(below()).toBe(WINDOW);
  expect(filed()).toBe(WINDOW - 2);
  expect(ofHolder(1)).not.toContain(0);
  expect(ofHolder(7)).not.toContain(6);
});

test('however large batches are, less than two windows wait', () => {
  const filing = new Filing(db, WINDOW);
  const COUNT = 250;
  for (let first = 0; first < 20 * COUNT; first += COUNT) {
    issue(filing, first, COUNT);
    expect(first + COUNT - filed()).toBeLessThan(2 * WINDOW);
  }
  expectAll(20 * COUNT - 1);
});

const holding = (filing: Filing): number[] =>
  Array.from({ length: HOLDERS }, (_, at) => at + 1).filter((holder) => filing.holds(holder));

test('holders of what is not filed are known, whenever it came, went or was filed', () => {
  const filing = new Filing(db, WINDOW);
  issue(filing, 0, 3);
  expect(holding(filing)).toEqual([1, 2, 3]);
  filing.remove(1, 2);
  expect(holding(filing)).toEqual([1, 3]);
  issue(filing, 3, 5);
  expect(holding(filing)).toEqual([1, 3, 4, 5, 6, 7]);
  issue(filing, 8, WINDOW);
  expect(holding(filing)).toEqual([]);
  issue(filing, 8 + WINDOW, 1);
  expect(holding(filing)).toEqual([1 + ((8 + WINDOW) % HOLDERS)]);
});

test('a store that has its index of holders is filed as a whole', () => {
  const old = openForWriting(join(folder, 'old.db'));
  const statements = db
    .prepare<[], string>("SELECT sql FROM sqlite_schema WHERE name = 'credential' AND type = 'table'")
    .pluck()
    .get();
  old.exec(`${statements ?? ''}; CREATE INDEX credential_holder ON credential (holder)`);
  for (const idx of [3, 5, 8]) {
    old
      .prepare(
        'INSERT INTO credential (id, idx, kind, role, holder, authority, not_before, not_after) VALUES (?, ?, 0, 0, ?, 1, 0, 9)',
      )
      .run(idOf(idx), idx, 10 - idx);
  }
  old.exec(readFileSync(join(packageMigrations(), '0005-filed-credentials.sql'), 'utf8'));
  expect(old.prepare('SELECT holder, idx FROM held_credential ORDER BY holder').raw().all()).toEqual([
    [2, 8],
    [5, 5],
    [7, 3],
  ]);
  expect(old.prepare('SELECT below FROM filing').pluck().get()).toBe(9);
  old.close();
});
