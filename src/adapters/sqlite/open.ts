import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';

export type SqliteDatabase = Database.Database;

export const ledgerFile = (dataDir: string): string => join(dataDir, 'ledger.db');

const BUSY_TIMEOUT_MS = 5000;
/**
 * Negative: KiB. Enough for what a batch touches, and no more: a commit that split a page looks through the whole cache. A
 * reader's is empty after each commit anyway.
 */
const WRITER_CACHE_KIB = -4096;
const READER_CACHE_KIB = -2048;

/**
 * The writer's connection. The order matters (DEC-8): two processes that start together must wait for each other before
 * anything else, and `auto_vacuum` and `secure_delete` only take hold before the first table exists.
 */
export const openForWriting = (file: string): SqliteDatabase => {
  // SQLite would make it readable to all; the write-ahead log takes over what the store's file has.
  closeSync(openSync(file, 'a', 0o600));
  const db = new Database(file, { timeout: BUSY_TIMEOUT_MS });
  db.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  // Of a store that exists, setting it again would write to the file before the self-check has seen it.
  if (Number(db.pragma('page_count', { simple: true })) === 0) db.pragma('auto_vacuum = INCREMENTAL');
  db.pragma('secure_delete = ON');
  db.pragma('journal_mode = WAL');
  // A commit that power loss may forget would be a credential in the world without a record (P1).
  db.pragma('synchronous = FULL');
  db.pragma('fullfsync = ON');
  db.pragma('foreign_keys = ON');
  db.pragma('temp_store = MEMORY');
  db.pragma(`cache_size = ${WRITER_CACHE_KIB}`);
  return db;
};

/** A reader's connection: each statement sees everything that was committed before it began. */
export const openForReading = (file: string): SqliteDatabase => {
  const db = new Database(file, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  db.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  db.pragma('query_only = ON');
  db.pragma(`cache_size = ${READER_CACHE_KIB}`);
  return db;
};
