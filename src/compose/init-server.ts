import { chmodSync, lstatSync, readdirSync } from 'node:fs';
import { dirname, sep } from 'node:path';
import { stringify } from 'yaml';
import { createSealKey } from '../adapters/keys/seal-key.ts';
import { systemEntropy } from '../adapters/system/entropy.ts';
import { Refusal } from '../domain/refusal.ts';
import { allowFounding } from './founding.ts';
import { alreadyThere, makeClosedFolder, makeOpenFolder, writeNew } from './new-file.ts';

export interface InitOptions {
  /** All paths absolute. */
  readonly file: string;
  readonly trustDomain: string;
  readonly dataDir: string;
  readonly sealKey: string;
  readonly adminSocket: string;
}

const refuseUsedFolder = (folder: string): void => {
  try {
    if (readdirSync(folder).length > 0) throw new Refusal('conflict', `the data folder ${folder} is not empty`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
};

const configText = ({ trustDomain, dataDir, sealKey, adminSocket }: InitOptions): string =>
  `# Mayfly. docs/configuration.md has every key; \`mayfly server check\` says what is wrong.\n${stringify({
    trustDomain,
    server: { dataDir, sealKey, admin: { socket: adminSocket } },
  })}`;

/** A server starts only where others cannot reach the folder of its admin socket. What would be made open in passing is made closed. */
const keepSocketFolderClosed = ({ adminSocket, dataDir, sealKey, file }: InitOptions): void => {
  const folder = dirname(adminSocket);
  if ([dataDir, sealKey, file].some((path) => path.startsWith(folder + sep))) makeClosedFolder(folder);
};

/**
 * Makes what a server needs before its first start: a data folder (0700) where the first start
 * may found the trust domain, a seal key elsewhere (0400, DEC-26), and a
 * configuration that names both and that everyone may read. Refuses with `conflict` to overwrite
 * anything; the configuration is written last, so that an interrupted run leaves none.
 */
export const initServer = (options: InitOptions): void => {
  const taken = [options.file, options.sealKey].find(
    (file) => lstatSync(file, { throwIfNoEntry: false }) !== undefined,
  );
  if (taken !== undefined) throw alreadyThere(taken);
  refuseUsedFolder(options.dataDir);
  keepSocketFolderClosed(options);
  makeClosedFolder(options.dataDir);
  chmodSync(options.dataDir, 0o700);
  allowFounding(options.dataDir);
  // Before the key, which would close it where it lies beside the configuration.
  makeOpenFolder(dirname(options.file));
  createSealKey(options.sealKey, systemEntropy()).fill(0);
  writeNew(options.file, configText(options));
};
