import type { RevocationIndex } from '../../domain/revocation.ts';
import type { Batch, LedgerRecord, LedgerStore } from '../../ledger/store.ts';
import { CHANGE_KINDS } from '../../domain/fact-kinds.ts';
import { SqliteAdmissionReader } from './admission.ts';
import { FactRows } from './apply.ts';
import { sqliteCode } from './errors.ts';
import type { ChangeMark } from './change-mark.ts';
import type { SqliteDatabase } from './open.ts';
import { packText } from './packed-text.ts';

/** Called around a commit; tests stop the process or slow it down here (TL-8, TL-17). */
export interface CommitHooks {
  beforeCommit?(): void;
  afterCommit?(): void;
}

export interface StoreOptions {
  readonly hooks?: CommitHooks;
  readonly detailLifeMs: number;
  readonly changes: Pick<ChangeMark, 'advance'>;
}

/** The writer's store: one transaction for each batch, on the one connection that writes. */
export class SqliteLedgerStore implements LedgerStore {
  readonly admission: SqliteAdmissionReader;
  readonly rows: FactRows;
  readonly #begin;
  readonly #rollback;
  readonly #commit;
  readonly #hooks;
  readonly #detailLifeMs;
  readonly #changes;
  readonly #entry;
  readonly #detail;
  readonly #tile;
  readonly #swap;

  constructor(db: SqliteDatabase, revocations: RevocationIndex, options: StoreOptions) {
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#rollback = db.prepare('ROLLBACK');
    this.#commit = db.prepare('COMMIT');
    this.#hooks = options.hooks ?? {};
    this.#detailLifeMs = options.detailLifeMs;
    this.#changes = options.changes;
    this.admission = new SqliteAdmissionReader(db, revocations);
    this.rows = new FactRows(db);
    this.#entry = db.prepare('INSERT INTO log_entry (idx, leaf) VALUES (?, ?)');
    this.#detail = db.prepare('INSERT INTO audit_detail (idx, salt, detail, erase_after) VALUES (?, ?, ?, ?)');
    this.#tile = db.prepare(
      `INSERT INTO log_tile (level, n, hashes) VALUES (?, ?, ?)
         ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes`,
    );
    this.#swap = db.prepare(
      'UPDATE log_state SET epoch = ?, size = ?, root = ?, time_ms = ? WHERE id = 1 AND epoch = ? AND size = ? AND root = ?',
    );
  }

  begin(): void {
    this.#begin.run();
  }

  abandon(): void {
    this.#rollback.run();
  }

  /** SQLite may have rolled back by itself, and would then commit each further statement on its own. */
  isFailure(error: unknown): boolean {
    return sqliteCode(error) !== undefined;
  }

  commit({ before, after, records, tiles }: Batch): void {
    const swapped = this.#swap.run(
      after.epoch,
      after.size,
      after.root,
      after.time,
      before.epoch,
      before.size,
      before.root,
    );
    if (swapped.changes !== 1) {
      this.#rollback.run();
      throw new Error(`another writer moved the log from size ${before.size}`);
    }
    for (const record of records) this.#write(record);
    for (const { level, n, hashes } of tiles) this.#tile.run(level, n, hashes);
    this.rows.filing.step();
    this.#hooks.beforeCommit?.();
    this.#commit.run();
    if (records.some(({ fact }) => CHANGE_KINDS.has(fact.kind))) this.#changes.advance();
    this.#hooks.afterCommit?.();
    for (const { fact } of records) this.admission.forget(fact);
  }

  #write(record: LedgerRecord): void {
    const { index, leaf, opening, time } = record;
    this.#entry.run(index, packText(leaf));
    if (opening) this.#detail.run(index, opening.salt, packText(opening.detail), time + this.#detailLifeMs);
    this.rows.apply(record);
  }
}
