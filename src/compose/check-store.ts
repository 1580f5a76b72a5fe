import { existsSync } from 'node:fs';
import { keyStore } from '../adapters/keys/sealed.ts';
import { readSealKey } from '../adapters/keys/seal-key.ts';
import { readHeadFile } from '../adapters/sqlite/head-file.ts';
import { ledgerFile, openForReading } from '../adapters/sqlite/open.ts';
import type { SqliteDatabase } from '../adapters/sqlite/open.ts';
import { packageMigrations, waitingMigrations } from '../adapters/sqlite/migrate.ts';
import { LogRows } from '../adapters/sqlite/log-rows.ts';
import { readOnlyOf } from '../adapters/sqlite/read-only-row.ts';
import { authorityReader } from '../adapters/sqlite/views.ts';
import { systemEntropy } from '../adapters/system/entropy.ts';
import { headFileContradiction, recover, rootAt } from '../ledger/recover.ts';
import type { LogState } from '../ledger/store.ts';
import type { Config } from './config.ts';
import { checkFounding } from './founding.ts';
import { headFileOf } from './store.ts';

interface Found {
  readonly db: SqliteDatabase;
  /** Undefined while the store is empty: its first start was cut short, and the next goes on. */
  readonly state: LogState | undefined;
}

const stateOf = (db: SqliteDatabase): LogState | undefined => {
  const table = db.prepare(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'log_state'`).get();
  return table === undefined ? undefined : new LogRows(db).state();
};

/** Reads a store that exists, and changes nothing; a server may be running on it. */
export const readStore = async <T>(file: string, work: (found: Found) => T | Promise<T>): Promise<T> => {
  const db = openForReading(file);
  try {
    return await work({ db, state: stateOf(db) });
  } finally {
    db.close();
  }
};

/** Accepting is the last of several ways, and not the first where a newer copy is somewhere. */
const WHAT_TO_DO = 'what to do stands in docs/operations.md, "When the store takes no writes"';

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** Says where the store is, or throws what keeps a server from starting on it: its self-check is made too. It changes nothing. */
export const checkStore = async ({ trustDomain, server }: Config): Promise<string> => {
  const file = ledgerFile(server.dataDir);
  if (!existsSync(file)) {
    // A folder that is missing is told of already.
    if (existsSync(server.dataDir)) checkFounding(server.dataDir, headFileOf(server), false);
    return `${file} is not there yet; the first start makes it`;
  }
  return readStore(file, ({ db, state }) => {
    const answer = db.pragma('quick_check(1)', { simple: true });
    // SQLite puts a heading above what it found.
    if (answer !== 'ok') throw new Error(`${file} is damaged: ${String(answer).replaceAll('\n', ' ')}`);
    if (state === undefined) return file;
    if (state.trustDomain !== trustDomain) {
      throw new Error(`${file} belongs to trust domain ${state.trustDomain}, not ${trustDomain}`);
    }
    const waiting = waitingMigrations(db, packageMigrations());
    // The head first: a server that runs meanwhile writes it after the store.
    const head = readHeadFile(headFileOf(server));
    const reason = db.transaction(() => {
      const log = new LogRows(db);
      const now = stateOf(db) ?? state;
      recover(now, log);
      return readOnlyOf(db)?.reason ?? (head && headFileContradiction(now, (size) => rootAt(size, log.tile), head));
    })();
    if (reason !== undefined) throw new Error(`a server takes no writes here: ${reason}; ${WHAT_TO_DO}`);
    return waiting === 0
      ? file
      : `${file}; the next start brings its schema forward (${counted(waiting, 'migration')})`;
  });
};

/**
 * Opens the private key of every authority that is in use, as a start would, and tries that each fits its public key.
 * Throws with how many do not open, and why the first does not.
 */
export const checkAuthorityKeys = async ({ server, credentials }: Config): Promise<string> => {
  const file = ledgerFile(server.dataDir);
  if (!existsSync(file)) return 'there are none yet; the first start makes them';
  return readStore(file, async ({ db, state }) => {
    if (state === undefined) return 'there are none yet; the first start makes them';
    const { trustDomain, logId } = state;
    const sealKey = readSealKey(server.sealKey, { credentials });
    const keys = keyStore({ trustDomain, logId, sealKey, entropy: systemEntropy(), credentials });
    const used = authorityReader(db)
      .list()
      .filter(({ state: life }) => life === 'prepared' || life === 'active' || life === 'old');
    const here = used.filter(({ key }) => key.kind !== 'absent');
    const tried = await Promise.allSettled(here.map((authority) => keys.open(authority)));
    const failed = tried.flatMap((result) => (result.status === 'rejected' ? [(result.reason as Error).message] : []));
    if (failed.length > 0) throw new Error(`${failed.length} of ${here.length} do not open; ${failed[0]}`);
    const away = used.length - here.length;
    return `${counted(here.length, 'key')} opened${away === 0 ? '' : `, ${counted(away, 'key')} kept elsewhere`}`;
  });
};
