import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate, packageMigrations } from '../../../src/adapters/sqlite/migrate.ts';
import { openForWriting, type SqliteDatabase } from '../../../src/adapters/sqlite/open.ts';
import { entryReader } from '../../../src/adapters/sqlite/view-entries.ts';
import type { SpiffeId } from '../../../src/domain/spiffe-id.ts';
import type { EntryFilter, EntryReader } from '../../../src/ports/views.ts';
import { entryFixture } from '../../support/facts.ts';

const ALL = 12_000;
/** Of them, the last ones in the order of id. */
const TEAM = 5000;
const LIMIT = 500;

let folder: string;
let db: SqliteDatabase;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-entries-'));
  db = openForWriting(join(folder, 'ledger.db'));
  migrate(db, packageMigrations());
  const insert = db.prepare(
    'INSERT INTO entry (id, revision, spiffe_id, parent_id, anchor, owner, data) VALUES (?, 1, ?, ?, ?, ?, ?)',
  );
  db.transaction(() => {
    for (let at = 0; at < ALL; at += 1) {
      const path = at >= ALL - TEAM ? 'team/' : at % 2 === 0 ? 'even/' : at % 5 === 0 ? 'even.' : 'odd/';
      // Not in the order of the rows, nor of the SPIFFE IDs.
      const name = `e${path.startsWith('team') ? 9 : 1}-${String((at * 7919) % ALL).padStart(5, '0')}`;
      const entry = entryFixture({ id: name, spiffeId: id(path + at), parentId: id(`node-${at % 2}`) });
      insert.run(name, entry.spiffeId, entry.parentId, 'unix:uid:0', path, JSON.stringify(entry));
    }
  })();
});
afterAll(() => {
  db.close();
  rmSync(folder, { recursive: true });
});

const id = (path: string): SpiffeId => `spiffe://example.org/${path}` as SpiffeId;

const pagesOf = (reader: EntryReader, filter: EntryFilter): string[][] => {
  const pages: string[][] = [];
  for (let after = ''; ; after = pages.at(-1)?.at(-1) ?? '') {
    pages.push(reader.list(filter, { limit: LIMIT, after }).map((entry) => entry.id));
    if ((pages.at(-1)?.length ?? 0) < LIMIT) return pages;
  }
};

const MANY: readonly [string, EntryFilter][] = [
  ['below a prefix', { prefix: id('even') }],
  ['below a prefix, all at the end', { prefix: id('team') }],
  ['below everything', { prefix: 'spiffe://example.org' as SpiffeId }],
  ['under one parent', { parentId: id('node-1') }],
  ['of one owner', { owner: 'team/' }],
  ['of one owner below a prefix', { owner: 'team/', prefix: id('team') }],
  ['of few owners, under one parent', { owner: 'even.', parentId: id('node-1') }],
];

test.each(MANY)('pages of entries %s hold each once, in the order of id', (_what, filter) => {
  const reader = entryReader(db);
  const listed = pagesOf(reader, filter).flat();
  expect(listed).toEqual([...new Set(listed)].sort());
  expect(listed).toHaveLength(reader.count(filter));
});

test.each<[string, EntryFilter]>(MANY.slice(2, 4))('nothing is sorted for a page of very many %s', (_what, filter) => {
  const asked: string[] = [];
  const watched = new Proxy(db, {
    get: (target, name) => {
      if (name !== 'prepare') return Reflect.get(target, name) as unknown;
      return (sql: string) => {
        asked.push(sql);
        return target.prepare(sql);
      };
    },
  });
  const reader = entryReader(watched);
  asked.length = 0;
  pagesOf(reader, filter);
  expect(asked.length).toBeGreaterThan(0);
  const plans = asked.flatMap((sql) => {
    const values = Array.from(sql.matchAll(/\?/g), () => 1);
    return db.prepare<unknown[], { readonly detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all(...values);
  });
  expect(plans.filter(({ detail }) => detail.includes('TEMP B-TREE'))).toEqual([]);
});
