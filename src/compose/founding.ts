import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readHeadFile } from '../adapters/sqlite/head-file.ts';
import { ledgerFile } from '../adapters/sqlite/open.ts';

const markOf = (dataDir: string): string => join(dataDir, 'founding');

/** Leaves word in an empty data folder that the first start may found a trust domain there. `mayfly server init` does. */
export const allowFounding = (dataDir: string): void =>
  writeFileSync(markOf(dataDir), 'The first start makes a store here, and takes this file away.\n', { mode: 0o600 });

/** The store is there: no later start may find the folder empty and make another. */
export const endFounding = (dataDir: string): void => rmSync(markOf(dataDir), { force: true });

/**
 * Throws, before anything is created, where a start would make a new store in place of one that is missing: another trust
 * domain under the same name, whose keys nobody trusts. `dev` founds wherever no head file remembers a store.
 */
export const checkFounding = (dataDir: string, headFile: string, dev: boolean): void => {
  const store = ledgerFile(dataDir);
  if (existsSync(store)) return;
  const head = readHeadFile(headFile);
  if (head) throw new Error(`the store ${store} is gone, but ${headFile} remembers ${head.size} facts: bring it back`);
  if (!dev && !existsSync(markOf(dataDir))) {
    throw new Error(`${dataDir} holds no store, and mayfly server init did not make it: is it the right folder?`);
  }
};
