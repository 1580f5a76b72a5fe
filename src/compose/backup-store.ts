import { createReadStream, existsSync, statSync } from 'node:fs';
import type { BackupHeader } from '../adapters/backup/header.ts';
import { writeNewFile } from '../adapters/backup/new-file.ts';
import { sealBackup } from '../adapters/backup/sealed-stream.ts';
import { readSealKey } from '../adapters/keys/seal-key.ts';
import { ledgerFile } from '../adapters/sqlite/open.ts';
import { type Progress, withSnapshot } from '../adapters/sqlite/snapshot.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { systemEntropy } from '../adapters/system/entropy.ts';
import { Refusal } from '../domain/refusal.ts';
import { readStore } from './check-store.ts';
import type { Config } from './config.ts';

export interface BackupOptions {
  readonly config: Config;
  /** Where the backup goes. */
  readonly file: string;
  readonly onProgress?: Progress;
}

/** What a backup holds, as its first line says it too. */
export interface Backup extends BackupHeader {
  readonly file: string;
  /** Length of the file. */
  readonly length: number;
}

const PIECE_BYTES = 256 * 1024;

/** Reads a file in pieces, and says how far it is. */
export async function* readPieces(file: string, onProgress: Progress): AsyncGenerator<Uint8Array> {
  const { size } = statSync(file);
  let done = 0;
  for await (const piece of createReadStream(file, { highWaterMark: PIECE_BYTES }) as AsyncIterable<Buffer>) {
    done += piece.length;
    onProgress(done, size);
    yield piece;
  }
}

/** Two steps of about the same length, as one. */
const inHalves = (onProgress: Progress): readonly [Progress, Progress] => [
  (done, total) => onProgress(done, 2 * total),
  (done, total) => onProgress(total + done, 2 * total),
];

/**
 * Writes an encrypted copy of the store as it is at one moment; a server may be running on it, and notices nothing. The key is
 * derived from the seal key, which is not in it. Refuses with `conflict` to overwrite a file, as `withSnapshot` and
 * `writeNewFile` for want of room, and as `readSealKey`; then nothing is left behind.
 */
export const backupStore = async ({ config, file, onProgress = () => undefined }: BackupOptions): Promise<Backup> => {
  const { dataDir, sealKey: place } = config.server;
  const store = ledgerFile(dataDir);
  if (!existsSync(store)) throw new Refusal('conflict', `${store} is not there; there is nothing to back up`);
  if (existsSync(file)) throw new Refusal('conflict', `there is a file at ${file} already`);
  const sealKey = readSealKey(place, { credentials: config.credentials });
  await readStore(store, ({ state }) => {
    if (state === undefined || state.trustDomain === config.trustDomain) return;
    throw new Refusal('conflict', `the store belongs to trust domain ${state.trustDomain}, not ${config.trustDomain}`);
  });
  const [copying, sealing] = inHalves(onProgress);
  return withSnapshot(dataDir, copying, async ({ file: snapshot, state }) => {
    const { trustDomain, logId, epoch, size } = state;
    const header: BackupHeader = {
      trustDomain,
      logId,
      epoch,
      size,
      root: Buffer.from(state.root).toString('hex'),
      madeAt: systemClock.now(),
      bytes: statSync(snapshot).size,
    };
    const sealed = sealBackup(header, readPieces(snapshot, sealing), sealKey, systemEntropy());
    return { ...header, file, length: await writeNewFile(file, sealed) };
  });
};
