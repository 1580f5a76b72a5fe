import { lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { stringify } from 'yaml';
import { createSealKey } from '../adapters/keys/seal-key.ts';
import { systemEntropy } from '../adapters/system/entropy.ts';
import { alreadyThere, makeClosedFolder, makeOpenFolder, writeNew } from './new-file.ts';

export interface InitAgentOptions {
  /** All paths absolute. */
  readonly file: string;
  readonly trustDomain: string;
  /** The section as it is written into the configuration. */
  readonly agent: Readonly<Record<string, unknown>>;
  readonly stateDir: string;
  /** Where a key for the cache on disk goes; none is made without it. */
  readonly cacheKey?: string;
}

/**
 * Makes what an agent needs before its first start: a state folder (0700) unless there is one, the key of its cache if one is wanted, and a
 * configuration that everyone may read. Refuses with `conflict` to overwrite anything; the configuration is written last.
 */
export const initAgent = (options: InitAgentOptions): void => {
  const { file, stateDir, cacheKey, trustDomain, agent } = options;
  const taken = [file, cacheKey].find(
    (path) => path !== undefined && lstatSync(path, { throwIfNoEntry: false }) !== undefined,
  );
  if (taken !== undefined) throw alreadyThere(taken);
  // One that is there keeps its mode: it may be a folder that others live in, named by mistake. The start says what is wrong.
  makeClosedFolder(stateDir);
  makeOpenFolder(dirname(file));
  if (cacheKey !== undefined) createSealKey(cacheKey, systemEntropy()).fill(0);
  const head = '# Mayfly, the agent. docs/configuration.md has every key; `mayfly agent check` says what is wrong.\n';
  writeNew(file, `${head}${stringify({ trustDomain, agent })}`);
};
