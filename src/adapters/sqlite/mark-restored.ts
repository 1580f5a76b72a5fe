import type { KnownElsewhere } from '../../ports/ledger.ts';
import { migrate, packageMigrations } from './migrate.ts';
import { ledgerFile, openForWriting } from './open.ts';
import { ReadOnlyRow } from './read-only-row.ts';

/**
 * Makes the store of a folder say that it takes no facts, so that no start goes on in a past that others have left (DEC-10).
 * The schema is brought up to date with it. Durable when this returns.
 */
export const markRestored = (dataDir: string, known: KnownElsewhere, now: number): void => {
  const db = openForWriting(ledgerFile(dataDir));
  try {
    migrate(db, packageMigrations());
    new ReadOnlyRow(db).put(known, now);
    db.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    db.close();
  }
};
