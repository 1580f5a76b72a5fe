import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createSealKey, isSealKeyInside, readSealKey } from '../adapters/keys/seal-key.ts';
import { type LedgerOptions, type OpenLedger, openLedger } from '../adapters/sqlite/open-ledger.ts';
import { ledgerFile } from '../adapters/sqlite/open.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Config } from './config.ts';
import { checkFounding, endFounding } from './founding.ts';

/**
 * The seal key as configured. `mayfly dev` makes one on its first start, and alone may have it beside the data (DEC-26). Never
 * for a store that exists: a new key could open nothing in it, and would take the place of the right one.
 */
export const sealKeyOf = ({ server, credentials }: Config, dev: boolean, entropy: Entropy): Uint8Array => {
  const isFirst = dev && !existsSync(server.sealKey) && !existsSync(ledgerFile(server.dataDir));
  if (isFirst) return createSealKey(server.sealKey, entropy);
  const key = readSealKey(server.sealKey, { credentials });
  if (!dev && existsSync(server.dataDir) && isSealKeyInside(server.dataDir, server.sealKey)) {
    throw new Error(`the seal key ${server.sealKey} lies in the data folder; move it elsewhere`);
  }
  return key;
};

export const headFileOf = ({ dataDir, headFile }: Config['server']): string => headFile ?? join(dataDir, 'head.json');

/** Throws unless the data folder is fit for a production server: there, a folder, and closed to others. */
export const checkDataFolder = (dataDir: string): void => {
  const stat = statSync(dataDir, { throwIfNoEntry: false });
  if (!stat) throw new Error(`${dataDir} does not exist; mayfly server init makes it`);
  if (!stat.isDirectory()) throw new Error(`${dataDir} is not a folder`);
  if ((stat.mode & 0o077) !== 0) throw new Error(`${dataDir} is open to group or others: chmod 0700 it`);
};

/**
 * Opens the ledger in the configured folder. Throws before anything is created when that would make a new store in place of one
 * that is missing, or in a folder that `init` did not prepare.
 */
export const openStore = async (
  config: Config,
  dev: boolean,
  parts: Pick<LedgerOptions, 'clock' | 'entropy' | 'onFatal' | 'onHeadLost' | 'testing'>,
): Promise<OpenLedger> => {
  const { dataDir, retention, session } = config.server;
  const headFile = headFileOf(config.server);
  if (!dev) checkDataFolder(dataDir);
  checkFounding(dataDir, headFile, dev);
  const store = await openLedger({
    ...parts,
    dataDir,
    trustDomain: config.trustDomain,
    headFile,
    retention: {
      hotMs: retention.hotRows * 1000,
      agentMs: session.nodeKey * 1000,
      detailMs: retention.details * 1000,
    },
  });
  endFounding(dataDir);
  return store;
};
