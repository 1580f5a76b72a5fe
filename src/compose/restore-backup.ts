import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { BackupHeader } from '../adapters/backup/header.ts';
import { flushFolder, writeNewFile } from '../adapters/backup/new-file.ts';
import { openBackup } from '../adapters/backup/sealed-stream.ts';
import { readSealKey } from '../adapters/keys/seal-key.ts';
import { checkDataDir } from '../adapters/sqlite/check-ledger.ts';
import { holdFolder } from '../adapters/sqlite/lock.ts';
import { LogRows } from '../adapters/sqlite/log-rows.ts';
import { markRestored } from '../adapters/sqlite/mark-restored.ts';
import { ledgerFile } from '../adapters/sqlite/open.ts';
import type { Progress } from '../adapters/sqlite/snapshot.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { Refusal } from '../domain/refusal.ts';
import { recover } from '../ledger/recover.ts';
import { readPieces } from './backup-store.ts';
import { readStore } from './check-store.ts';
import type { Config } from './config.ts';
import { giveToOwner } from './give-to-owner.ts';
import { endFounding } from './founding.ts';
import { checkDataFolder } from './store.ts';

export interface RestoreOptions {
  readonly config: Config;
  /** The backup. */
  readonly file: string;
  readonly onProgress?: Progress;
}

export interface Restored extends BackupHeader {
  readonly store: string;
}

/** What an empty data folder may hold: the mark of `init`, the lock, and what an interrupted restore left. */
const NOT_DATA = new Set(['founding', 'lock.db', 'lock.db-journal', 'restoring']);

/** Makes the data folder where it is missing. Refuses with `conflict` when it holds data. */
const requireEmptyFolder = (dataDir: string): void => {
  if (statSync(dataDir, { throwIfNoEntry: false }) === undefined) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    chmodSync(dataDir, 0o700);
  }
  checkDataFolder(dataDir);
  const [found] = readdirSync(dataDir).filter((name) => !NOT_DATA.has(name));
  if (found === undefined) return;
  throw new Refusal('conflict', `the data folder ${dataDir} is not empty: it holds ${found}`);
};

/** Throws unless the copy is undamaged, is the one that its header describes, and its log adds up to its root. */
const verify = async (folder: string, header: BackupHeader): Promise<void> => {
  await readStore(ledgerFile(folder), ({ db, state }) => {
    const answer = db.pragma('quick_check(1)', { simple: true });
    if (answer !== 'ok' || !state) throw new Error(`the store in the backup is damaged: ${String(answer)}`);
    recover(state, new LogRows(db));
    const { trustDomain, logId, epoch, size } = state;
    const root = Buffer.from(state.root).toString('hex');
    const isTold =
      trustDomain === header.trustDomain &&
      logId === header.logId &&
      epoch === header.epoch &&
      size === header.size &&
      root === header.root;
    if (!isTold) throw new Error('the store in the backup is not the one that its first line tells of');
  });
  const [problem] = checkDataDir(folder).problems;
  if (problem !== undefined) throw new Error(`the store in the backup is damaged: ${problem}`);
};

const reasonOf = ({ madeAt, epoch, size }: BackupHeader): string =>
  `it was restored from the backup of ${new Date(madeAt).toISOString()} (epoch ${epoch}, size ${size}), and what came after that is lost`;

/** Moves the store into its place only once all of it was verified: no server can start on half of one. */
const bringBack = async (
  { config, file, onProgress = () => undefined }: RestoreOptions,
  sealKey: Uint8Array,
): Promise<Restored> => {
  const { dataDir } = config.server;
  const folder = join(dataDir, 'restoring');
  const { header, content } = await openBackup(readPieces(file, onProgress), sealKey);
  if (header.trustDomain !== config.trustDomain) {
    throw new Refusal('conflict', `the backup is of trust domain ${header.trustDomain}, not ${config.trustDomain}`);
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  try {
    await writeNewFile(ledgerFile(folder), content);
    await verify(folder, header);
    markRestored(folder, { reason: reasonOf(header), epoch: header.epoch }, systemClock.now());
    const store = ledgerFile(dataDir);
    renameSync(ledgerFile(folder), store);
    endFounding(dataDir);
    await flushFolder(dataDir);
    return { ...header, store };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/**
 * Brings a backup back into an empty data folder, which is made where it is missing. The store opens read-only until
 * `acceptRestore`. Refuses with `conflict` for a folder that holds anything and for another trust domain; rejects with a
 * sentence for a backup that is damaged, cut off or under another seal key. Then the folder is as empty as before.
 */
export const restoreBackup = async (options: RestoreOptions): Promise<Restored> => {
  const { server, credentials } = options.config;
  if (statSync(options.file, { throwIfNoEntry: false }) === undefined) {
    throw new Refusal('not_found', `there is no file at ${options.file}`);
  }
  const sealKey = readSealKey(server.sealKey, { credentials });
  requireEmptyFolder(server.dataDir);
  const release = holdFolder(server.dataDir);
  try {
    return await bringBack(options, sealKey);
  } finally {
    release();
    giveToOwner(server);
  }
};
