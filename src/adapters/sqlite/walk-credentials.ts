import type { CredentialReader, CredentialRow } from '../../ports/views.ts';
import { CREDENTIAL_COLUMNS, CREDENTIAL_NAMES, toCredentialRow, type StoredCredential } from './credential-rows.ts';
import { type HolderConditions, holderConditions, type HolderRange } from './holder-conditions.ts';
import type { SqliteDatabase } from './open.ts';

/** How many rows one read looks at: a few milliseconds. */
const SLICE = 256;

interface Holder {
  readonly id: number;
  readonly subject: string;
}

/** Reads a range page by page; pass the last holder of a page to get the next, which begins at its id or, over subjects, at both. */
const pagesIn = (db: SqliteDatabase, index: string, range: HolderRange) => {
  const [after, order] = range.order === 'id' ? ['id > ?', 'id'] : ['(subject, id) > (?, ?)', 'subject, id'];
  const next = db.prepare<unknown[], Holder>(
    `SELECT id, subject FROM holder INDEXED BY ${index} WHERE ${after} AND ${range.sql} ORDER BY ${order} LIMIT ${SLICE}`,
  );
  return (last: Holder | undefined) => {
    const id = last?.id ?? 0;
    return next.all(...(range.order === 'id' ? [id] : [last?.subject ?? range.from, id]), ...range.values);
  };
};

const holderPages = function* (db: SqliteDatabase, { index, ranges }: HolderConditions): Generator<readonly Holder[]> {
  for (const range of ranges) {
    const pageAfter = pagesIn(db, index, range);
    for (let page = pageAfter(undefined); page.length > 0; page = pageAfter(page.at(-1))) yield page;
  }
};

/** Walks over credentials. No statement stays open between pages: it would keep other reads at a past state (P2). */
export const credentialWalk = (db: SqliteDatabase): CredentialReader['walk'] => {
  const filedBelow = db.prepare<[], number>('SELECT below FROM filing WHERE id = 1').pluck();
  const sliceBefore = db
    .prepare<[number, number], number | null>(
      `SELECT min(idx) FROM (SELECT idx FROM credential WHERE idx >= ? AND idx < ? ORDER BY idx DESC LIMIT ${SLICE})`,
    )
    .pluck();
  const held = db.prepare<[number, number, number], StoredCredential>(
    `SELECT ${CREDENTIAL_COLUMNS} FROM held_credential l CROSS JOIN credential c ON c.idx = l.idx ${CREDENTIAL_NAMES}
       WHERE l.holder = ? AND l.idx > ? AND l.idx < ? ORDER BY l.idx LIMIT ${SLICE}`,
  );

  /** Slices of credentials that are not filed yet, or of all, the newest first. */
  const placed = function* (from: number, holders: HolderConditions | undefined): Generator<StoredCredential[]> {
    const between = db.prepare<unknown[], StoredCredential>(
      `SELECT ${CREDENTIAL_COLUMNS} FROM credential c ${CREDENTIAL_NAMES}
         WHERE c.idx >= ? AND c.idx < ? ${holders === undefined ? '' : `AND ${holders.sql}`}`,
    );
    let end = Number.MAX_SAFE_INTEGER;
    for (;;) {
      const start = sliceBefore.get(from, end) ?? undefined;
      if (start === undefined) return;
      yield between.all(start, end, ...(holders?.values ?? []));
      end = start;
    }
  };

  /** Slices of filed credentials, by holder. */
  const filed = function* (below: number, holders: HolderConditions): Generator<StoredCredential[]> {
    let slice: StoredCredential[] = [];
    let looked = 0;
    for (const page of holderPages(db, holders)) {
      for (const { id } of page) {
        let rows = held.all(id, -1, below);
        for (;;) {
          slice.push(...rows);
          looked += rows.length + 1;
          if (looked >= SLICE) {
            yield slice;
            slice = [];
            looked = 0;
          }
          if (rows.length < SLICE) break;
          rows = held.all(id, rows.at(-1)?.idx ?? below, below);
        }
      }
    }
    yield slice;
  };

  return function* (filter): Generator<readonly CredentialRow[]> {
    const { liveAt = -1 } = filter;
    const read = (rows: readonly StoredCredential[]) =>
      rows.filter(({ not_after: notAfter }) => notAfter > liveAt).map(toCredentialRow);
    const holders = holderConditions(filter);
    // Read once: what is filed from here on was found among the unfiled already.
    const below = holders === undefined ? 0 : (filedBelow.get() ?? 0);
    for (const rows of placed(below, holders)) yield read(rows);
    if (holders === undefined) return;
    for (const rows of filed(below, holders)) yield read(rows);
  };
};
