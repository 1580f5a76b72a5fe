import { checkLedger } from '../../ledger/check.ts';
import type { CheckResult } from '../../ledger/check.ts';
import { LogRows } from './log-rows.ts';
import { ledgerFile, openForReading } from './open.ts';
import { blobToId } from './rows.ts';

/** The full check of a data folder, as of one moment; a server may be running on it. Reads everything: minutes for millions. */
export const checkDataDir = (dataDir: string): CheckResult => {
  const db = openForReading(ledgerFile(dataDir));
  try {
    const log = new LogRows(db);
    const credentials = db.prepare<[], { id: Buffer; idx: number }>('SELECT id, idx FROM credential ORDER BY idx');
    return db.transaction(() =>
      checkLedger({
        state: () => log.state(),
        tile: log.tile,
        leaf: (index) => log.leaf(index),
        opening: (index) => log.opening(index),
        *credentials() {
          for (const { id, idx } of credentials.iterate()) yield { id: blobToId(id), index: idx };
        },
      }),
    )();
  } finally {
    db.close();
  }
};
