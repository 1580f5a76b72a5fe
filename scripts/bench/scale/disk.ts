import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { ledgerFile } from '../../../src/adapters/sqlite/open.ts';

/** What a table or an index takes. */
export interface DiskPart {
  readonly name: string;
  readonly kind: 'table' | 'index';
  readonly rows_or_entries: number;
  readonly bytes: number;
  readonly bytes_per_credential: number;
  /** Of the bytes in its pages, those in use. */
  readonly used: number;
}

export interface DiskReport {
  readonly credentials: number;
  readonly entries: number;
  readonly facts: number;
  readonly file_bytes: number;
  readonly bytes_per_credential: number;
  readonly parts: readonly DiskPart[];
}

/** Where the bytes of a store are: every table and index, by the pages that they take. Reads all of it; no server may write. */
export const diskReport = (dataDir: string): DiskReport => {
  const file = ledgerFile(dataDir);
  const db = new Database(file, { readonly: true });
  try {
    const count = (table: string): number => Number(db.prepare(`SELECT count(*) FROM ${table}`).pluck().get());
    const credentials = count('credential');
    const parts = db
      .prepare<[], { name: string; kind: DiskPart['kind'] | null; cells: number; bytes: number; payload: number }>(
        `SELECT d.name, m.type AS kind, sum(d.ncell) AS cells, sum(d.pgsize) AS bytes, sum(d.pgsize - d.unused) AS payload
           FROM dbstat d LEFT JOIN sqlite_schema m ON m.name = d.name GROUP BY d.name ORDER BY bytes DESC`,
      )
      .all();
    const { size } = statSync(file);
    return {
      credentials,
      entries: count('entry'),
      facts: count('log_entry'),
      file_bytes: size,
      bytes_per_credential: size / credentials,
      parts: parts.map(({ name, kind, cells, bytes, payload }) => ({
        name,
        kind: kind ?? 'table',
        rows_or_entries: cells,
        bytes,
        bytes_per_credential: bytes / credentials,
        used: payload / bytes,
      })),
    };
  } finally {
    db.close();
  }
};
