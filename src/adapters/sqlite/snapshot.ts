import { closeSync, openSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal } from '../../domain/refusal.ts';
import type { LogState } from '../../ledger/store.ts';
import { LogRows } from './log-rows.ts';
import { ledgerFile, openForReading } from './open.ts';
import type { SqliteDatabase } from './open.ts';

export type Progress = (done: number, total: number) => void;

export interface Snapshot {
  /** A database file of its own. */
  readonly file: string;
  /** The head of the log in it. */
  readonly state: LogState;
}

const PAGES_AT_ONCE = 2000;
/** A disk that the copy would leave with less is too full for it: the server on it ends when it is full. */
const ROOM_LEFT_BYTES = 64 * 1024 * 1024;
const ROOM_LEFT_SHARE = 10;

const checkRoom = (db: SqliteDatabase, dataDir: string): void => {
  const { bavail, bsize } = statfsSync(dataDir);
  const size = Number(db.pragma('page_count', { simple: true })) * Number(db.pragma('page_size', { simple: true }));
  const needed = size + Math.max(ROOM_LEFT_BYTES, size / ROOM_LEFT_SHARE);
  if (bavail * bsize >= needed) return;
  const megabytes = Math.ceil(needed / 1_000_000);
  throw new Refusal('unavailable', `${dataDir} has no room for a copy of its store: ${megabytes} MB have to be free`);
};

const claim = (file: string): void => {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new Refusal('conflict', `${file} is there: a backup is running, or one was cut short; then remove it`);
  }
};

/**
 * Lends `use` a copy of the store as it was at one moment, and removes it afterwards. A server may be writing meanwhile: one
 * read transaction spans the whole copy. It lies in the data folder, since it is as secret as the store. Refuses with
 * `unavailable` when the disk has no room for it, with `conflict` when there is one already or the store holds nothing.
 */
export const withSnapshot = async <T>(
  dataDir: string,
  onProgress: Progress,
  use: (snapshot: Snapshot) => Promise<T>,
): Promise<T> => {
  const file = join(dataDir, 'snapshot.db');
  const db = openForReading(ledgerFile(dataDir));
  try {
    checkRoom(db, dataDir);
    claim(file);
    try {
      return await use({ file, state: await copy(db, file, onProgress) });
    } finally {
      for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
    }
  } finally {
    db.close();
  }
};

const copy = async (db: SqliteDatabase, file: string, onProgress: Progress): Promise<LogState> => {
  db.exec('BEGIN');
  const state = new LogRows(db).state();
  if (!state || state.size === 0) throw new Refusal('conflict', 'the store holds nothing yet');
  await db.backup(file, {
    progress: ({ totalPages, remainingPages }) => {
      onProgress(totalPages - remainingPages, totalPages);
      return PAGES_AT_ONCE;
    },
  });
  db.exec('COMMIT');
  return state;
};
