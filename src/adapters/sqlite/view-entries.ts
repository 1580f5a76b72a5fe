import type { Statement } from 'better-sqlite3';
import type { Entry } from '../../domain/entry.ts';
import type { SpiffeId } from '../../domain/spiffe-id.ts';
import type { EntryFilter, EntryReader, Page } from '../../ports/views.ts';
import type { SqliteDatabase } from './open.ts';
import { belowPrefix } from './prefix-range.ts';
import { parseEntry } from './rows.ts';

/** A condition of a search and the index that serves it. The first condition of a filter decides which index is used. */
interface Condition {
  readonly index: string;
  readonly sql: string;
  readonly values: readonly string[];
}

const conditions = (filter: EntryFilter): Condition[] => {
  const found: Condition[] = [];
  if (filter.spiffeId !== undefined) {
    found.push({ index: 'INDEXED BY entry_spiffe_id', sql: 'spiffe_id = ?', values: [filter.spiffeId] });
  }
  if (filter.selector !== undefined) {
    const sql = 'id IN (SELECT entry FROM entry_selector WHERE selector = ?)';
    found.push({ index: '', sql, values: [filter.selector] });
  }
  if (filter.parentId !== undefined) {
    found.push({ index: 'INDEXED BY entry_parent_anchor', sql: 'parent_id = ?', values: [filter.parentId] });
  }
  if (filter.owner !== undefined) {
    found.push({ index: 'INDEXED BY entry_owner', sql: 'owner = ?', values: [filter.owner] });
  }
  if (filter.prefix !== undefined) {
    found.push({ index: 'INDEXED BY entry_spiffe_id', ...belowPrefix('spiffe_id', filter.prefix) });
  }
  return found;
};

const BY_ID = 'INDEXED BY entry_id';
const PAGE_BY_ID = 'ORDER BY id LIMIT ?';
/** How many entries are looked at, in order of id, before an index of a condition is used: a few milliseconds. */
const NEAR = 4096;

const idAbove = (id: string): Condition => ({ index: BY_ID, sql: 'id > ?', values: [id] });
const idUpTo = (id: string): Condition => ({ index: BY_ID, sql: 'id <= ?', values: [id] });

/** How many parents one statement reads. */
const PARENTS = 1000;

export const entryReader = (db: SqliteDatabase): EntryReader => {
  const get = db.prepare<[string], string>('SELECT data FROM entry WHERE id = ?').pluck();
  const buried = db.prepare<[string]>('SELECT 1 FROM entry_tombstone WHERE id = ?').pluck();
  const filed = db
    .prepare<[string, string], string>(
      'SELECT data FROM entry INDEXED BY entry_parent_anchor WHERE parent_id = ? AND anchor = ?',
    )
    .pluck();
  const under = db
    .prepare<[string], string>('SELECT data FROM entry INDEXED BY entry_parent_anchor WHERE parent_id = ?')
    .pluck();
  // Finds the member's name only: within a string its quotes would be escaped.
  const expiring = db
    .prepare<[string], string>(
      `SELECT data FROM entry INDEXED BY entry_parent_anchor
         WHERE parent_id = ? AND instr(data, '"expiresAt":') > 0`,
    )
    .pluck();
  const administrators = db
    .prepare<[string], string>(
      `SELECT data FROM entry INDEXED BY entry_parent_anchor
         WHERE parent_id = ? AND json_extract(data, '$.admin') IS NOT NULL`,
    )
    .pluck();
  // In the order of the index, so that nothing is sorted however many there are.
  const parents = db.prepare<[SpiffeId, number, number], { readonly rowid: number; readonly parent_id: SpiffeId }>(
    `SELECT rowid, parent_id FROM entry INDEXED BY entry_spiffe_id WHERE spiffe_id = ? AND rowid > ?
       ORDER BY rowid LIMIT ?`,
  );
  const commonName = db
    .prepare<[string], SpiffeId>(
      'SELECT spiffe_id FROM entry INDEXED BY entry_common_name WHERE common_name = ? LIMIT 1',
    )
    .pluck();

  const prepared = new Map<string, Statement<unknown[], string | number>>();
  const statementOf = (sql: string): Statement<unknown[], string | number> => {
    const known = prepared.get(sql);
    if (known) return known;
    const made = db.prepare<unknown[], string | number>(sql).pluck();
    prepared.set(sql, made);
    return made;
  };

  const nearEnd = db
    .prepare<[string], string>(
      `SELECT id FROM entry INDEXED BY entry_id WHERE id > ? ORDER BY id LIMIT 1 OFFSET ${NEAR}`,
    )
    .pluck();

  // Values are bound, so that there are only as many texts to prepare as ways to combine conditions.
  const search = (
    select: string,
    index: string,
    found: readonly Condition[],
    tail = '',
    ...limit: readonly number[]
  ) => {
    const where = found.length === 0 ? '' : `WHERE ${found.map(({ sql }) => sql).join(' AND ')}`;
    const statement = statementOf(`SELECT ${select} FROM entry ${index} ${where} ${tail}`);
    return statement.all(...found.flatMap(({ values }) => values), ...limit);
  };

  const isRare = ({ index, sql, values }: Condition): boolean => {
    const some = `SELECT 1 FROM entry ${index} WHERE ${sql} LIMIT ${NEAR}`;
    return Number(statementOf(`SELECT count(*) FROM (${some})`).get(...values)) < NEAR;
  };

  /** The next page, looked for in order of id; undefined when the first `NEAR` entries hold neither a full page nor the end. */
  const listNear = (found: readonly Condition[], after: string, limit: number) => {
    const end = nearEnd.get(after);
    const way = [idAbove(after), ...(end === undefined ? [] : [idUpTo(end)])];
    const rows = search('data', BY_ID, [...way, ...found], PAGE_BY_ID, limit);
    return end === undefined || rows.length === limit ? rows : undefined;
  };

  // The index of a condition gives no order by id: all that it finds, perhaps nearly everything, is sorted for each page.
  const list = (filter: EntryFilter, { after = '', limit }: Page) => {
    const found = conditions(filter);
    const { index = '' } = found[0] ?? {};
    const near = found[0] && index !== '' && !isRare(found[0]) ? listNear(found, after, limit) : undefined;
    return near ?? search('data', index, [idAbove(after), ...found], PAGE_BY_ID, limit);
  };

  return {
    get: (id) => {
      const data = get.get(id);
      return data === undefined ? undefined : parseEntry(data);
    },
    used: (id) => get.get(id) !== undefined || buried.get(id) !== undefined,
    list: (filter, page) => list(filter, page).map((data) => parseEntry(String(data))),
    count: (filter) => {
      const found = conditions(filter);
      return Number(search('count(*)', found[0]?.index ?? '', found)[0] ?? 0);
    },
    *parentsOf(spiffeId) {
      let page = parents.all(spiffeId, 0, PARENTS);
      while (page.length > 0) {
        yield page.map((row) => row.parent_id);
        page = parents.all(spiffeId, page.at(-1)?.rowid ?? 0, PARENTS);
      }
    },
    matching: (parent, selectors) => {
      const held = new Set(selectors);
      const found: Entry[] = [];
      for (const selector of held) {
        for (const data of filed.iterate(parent, selector)) {
          const entry = parseEntry(data);
          if (entry.selectors.every((one) => held.has(one))) found.push(entry);
        }
      }
      return found;
    },
    under: (parent) => under.all(parent).values().map(parseEntry),
    expiringUnder: (parent) =>
      expiring
        .all(parent)
        .map(parseEntry)
        .filter(({ expiresAt }) => expiresAt !== undefined),
    administratorsUnder: (parent) => administrators.all(parent).map(parseEntry),
    commonNameOwner: (name) => commonName.get(name),
  };
};
