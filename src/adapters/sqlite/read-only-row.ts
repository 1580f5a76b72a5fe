import type { KnownElsewhere } from '../../ports/ledger.ts';
import type { SqliteDatabase } from './open.ts';

/** The store's own word that it takes no facts (migration 0003). It outlives the process that wrote it. */
export class ReadOnlyRow {
  readonly #get;
  readonly #put;

  constructor(db: SqliteDatabase) {
    this.#get = db.prepare<[], KnownElsewhere>('SELECT reason, epoch FROM read_only WHERE id = 1');
    // The first reason stays, the newest epoch counts.
    this.#put = db.prepare(
      `INSERT INTO read_only (id, reason, epoch, since_ms) VALUES (1, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET epoch = max(epoch, excluded.epoch)`,
    );
  }

  get(): KnownElsewhere | undefined {
    return this.#get.get();
  }

  put({ reason, epoch }: KnownElsewhere, now: number): void {
    this.#put.run(reason, epoch, now);
  }
}

/** The same of a store that may be older than migration 0003. */
export const readOnlyOf = (db: SqliteDatabase): KnownElsewhere | undefined => {
  const table = db.prepare(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'read_only'`).get();
  return table === undefined ? undefined : new ReadOnlyRow(db).get();
};
