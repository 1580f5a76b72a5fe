import { lchownSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { headFileOf } from './store.ts';

/**
 * What root made in the data folder belongs to the folder's owner, or the server, under a user of its own, could not open it.
 * Nothing where the command ran as that user.
 */
export const giveToOwner = (server: Config['server']): void => {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(server.dataDir);
  const files = [...readdirSync(server.dataDir).map((name) => join(server.dataDir, name)), headFileOf(server)];
  for (const file of files) {
    const stat = lstatSync(file, { throwIfNoEntry: false });
    if (stat?.isFile() === true && stat.nlink === 1 && stat.uid === 0) lchownSync(file, uid, gid);
  }
};
