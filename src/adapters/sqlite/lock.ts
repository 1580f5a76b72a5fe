import { closeSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { sqliteCode } from './errors.ts';

/** Whoever may write to a folder may put other files in the place of ours, whatever their modes are. */
const checkClosed = (dataDir: string): void => {
  if ((statSync(dataDir).mode & 0o022) === 0) return;
  throw new Error(`the data folder ${dataDir} is open to others for writing: chmod 0700 it`);
};

/**
 * Makes this process the only one that writes to a data folder, for as long as it lives or until the returned function is
 * called. A database of its own, since the ledger's must stay open to readers. Throws when another process holds it, or when
 * group or others may write to the folder.
 */
export const holdFolder = (dataDir: string): (() => void) => {
  checkClosed(dataDir);
  const file = join(dataDir, 'lock.db');
  // SQLite would make it readable to all; whoever reads it can also hold it, and so keep the server from starting.
  closeSync(openSync(file, 'a', 0o600));
  const db = new Database(file, { timeout: 0 });
  try {
    db.pragma('busy_timeout = 0');
    db.pragma('locking_mode = EXCLUSIVE');
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (sqliteCode(error)?.startsWith('SQLITE_BUSY')) {
      throw new Error(`another Mayfly server is running on ${dataDir}`, { cause: error });
    }
    throw error;
  }
  return () => {
    db.exec('ROLLBACK');
    db.close();
  };
};
