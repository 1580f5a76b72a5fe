import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { readSealKey, createSealKey, isSealKeyInside, replaceSealKey } from '../adapters/keys/seal-key.ts';
import { reseal } from '../adapters/keys/seal.ts';
import { keyStore } from '../adapters/keys/sealed.ts';
import { holdFolder } from '../adapters/sqlite/lock.ts';
import { ledgerFile } from '../adapters/sqlite/open.ts';
import { readOnlyOf } from '../adapters/sqlite/read-only-row.ts';
import { authorityReader } from '../adapters/sqlite/views.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { systemEntropy } from '../adapters/system/entropy.ts';
import { Refusal } from '../domain/refusal.ts';
import { resealKeys, sealedAuthorities, type SealedAuthority } from '../usecases/reseal-keys.ts';
import { readStore } from './check-store.ts';
import type { Config } from './config.ts';
import { checkDataFolder, openStore } from './store.ts';
import type { ServerTesting } from './testing.ts';

export interface ResealOptions {
  readonly config: Config;
  /** The file of the new key; made when it is not there. */
  readonly newKey: string;
  /** The new key takes the place of the old one at the end; else that is left to the operator. */
  readonly swap: boolean;
  /** Who asks, for the record. */
  readonly by: string;
  /** For tests of crashes. */
  readonly testing?: ServerTesting['ledger'];
}

export interface ResealPlan {
  readonly store: string;
  /** Private keys that the store holds sealed. */
  readonly keys: number;
  readonly sealKey: string;
  readonly newKey: string;
  /** The store is sealed under the new key already: an earlier run did not come to its end. */
  readonly resealed: boolean;
  readonly swap: boolean;
}

export interface Resealed extends ResealPlan {
  /** Where the fact stands in the log; absent when an earlier run wrote it. */
  readonly index?: number;
  /** Where the old key lies now, when it was swapped. */
  readonly oldKey?: string;
}

const refuse = (message: string): never => {
  throw new Refusal('conflict', message);
};

/** The new seal key as its file holds it. Refuses what would be no new key, or no safe one. */
const readNewKey = ({ config: { credentials }, newKey }: ResealOptions, old: Uint8Array): Buffer => {
  const key = readSealKey(newKey, { credentials });
  if (Buffer.compare(key, old) === 0) return refuse(`${newKey} holds the old seal key; a new one is wanted`);
  return key;
};

const checkPlace = (dataDir: string, newKey: string): void => {
  if (!existsSync(dirname(newKey))) refuse(`the folder of ${newKey} does not exist`);
  if (isSealKeyInside(dataDir, newKey)) refuse(`${newKey} lies in the data folder; name another place`);
};

interface Sealed {
  readonly trustDomain: string;
  readonly logId: string;
  readonly authorities: readonly SealedAuthority[];
}

const readSealed = (config: Config): Promise<Sealed> =>
  readStore(ledgerFile(config.server.dataDir), ({ db, state }) => {
    if (state === undefined) return refuse('the store holds no keys yet; its first start makes them');
    const readOnly = readOnlyOf(db);
    if (readOnly) return refuse(`the store takes no writes: ${readOnly.reason} (mayfly restore --accept)`);
    const { trustDomain, logId } = state;
    return { trustDomain, logId, authorities: sealedAuthorities({ authorities: authorityReader(db) }) };
  });

/** How many of the sealed keys open under this seal key, and fit their public keys. */
const countOpened = async ({ trustDomain, logId, authorities }: Sealed, sealKey: Uint8Array): Promise<number> => {
  const keys = keyStore({ trustDomain, logId, sealKey, entropy: systemEntropy() });
  const tried = await Promise.allSettled(authorities.map((authority) => keys.open(authority)));
  return tried.filter(({ status }) => status === 'fulfilled').length;
};

/**
 * Says what `resealServer` would do, and changes nothing. Refuses with `conflict` when a server is running on the folder, a
 * sealed key opens under neither seal key, or the new key file will not do; as `readSealKey` for files that are not closed.
 */
export const planReseal = async (options: ResealOptions): Promise<ResealPlan> => {
  const { config, newKey, swap } = options;
  const { dataDir, sealKey } = config.server;
  const store = ledgerFile(dataDir);
  checkDataFolder(dataDir);
  if (!existsSync(store)) return refuse(`${store} is not there; there is nothing to seal`);
  checkPlace(dataDir, newKey);
  holdFolder(dataDir)();
  const old = readSealKey(sealKey, { credentials: config.credentials });
  const sealed = await readSealed(config);
  if (sealed.trustDomain !== config.trustDomain) {
    return refuse(`the store belongs to trust domain ${sealed.trustDomain}, not ${config.trustDomain}`);
  }
  const keys = sealed.authorities.length;
  const opened = await countOpened(sealed, old);
  const fresh = existsSync(newKey) ? readNewKey(options, old) : undefined;
  const resealed = fresh !== undefined && keys > 0 && (await countOpened(sealed, fresh)) === keys;
  if (opened < keys && !resealed) {
    return refuse(
      `${keys - opened} of ${keys} keys do not open under ${sealKey}; it is not the seal key of this store`,
    );
  }
  return { store, keys, sealKey, newKey, resealed, swap };
};

/** Opens the store as a start would, with its lock and its self-check, and records all keys under the new seal key. */
const resealStore = async (
  { config, testing, by }: ResealOptions,
  seals: { readonly from: Uint8Array; readonly to: Uint8Array },
): Promise<number> => {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  const entropy = systemEntropy();
  const store = await openStore(config, false, {
    clock: systemClock,
    entropy,
    onFatal: reject,
    ...(testing && { testing }),
  });
  const opened = store.connect();
  const { trustDomain } = config;
  const { logId } = opened.views.log.head();
  const underNew = ({ id, purpose, key }: SealedAuthority): string =>
    reseal(key.blob, seals, { trustDomain, logId, keyId: id, purpose }, entropy);
  try {
    const index = await Promise.race([resealKeys(opened, underNew, by), failed]);
    // What the old key opens is not to wait in the write-ahead log for its turn.
    await store.checkpoint();
    return index;
  } finally {
    opened.close();
    await store.close();
  }
};

/** Another name each time: a run after an interrupted one keeps the old key once more. */
const keptName = (sealKey: string): string =>
  `${sealKey}.until-${new Date(systemClock.now()).toISOString().replaceAll(/[-:.]/g, '')}`;

/**
 * Seals every private key of the store under a new seal key (DEC-26), with no server running. Killed at any moment, the
 * old key or the new one opens all of them, both lie in their files, and the same command again comes to the end: the new
 * key is on disk before the store knows of it, the store changes in one transaction, and the old key's file is kept.
 * Resolves when every key was opened once more from what the disk holds. Refuses as `planReseal`; then nothing was changed.
 */
export const resealServer = async (options: ResealOptions): Promise<Resealed> => {
  const plan = await planReseal(options);
  const { config, newKey, swap } = options;
  const { sealKey } = config.server;
  const from = readSealKey(sealKey, { credentials: config.credentials });
  if (!existsSync(newKey)) createSealKey(newKey, systemEntropy()).fill(0);
  const to = readNewKey(options, from);
  const index = plan.resealed ? undefined : await resealStore(options, { from, to });
  const opened = await countOpened(await readSealed(config), readSealKey(newKey, { credentials: config.credentials }));
  if (opened !== plan.keys) {
    throw new Error(`${plan.keys - opened} of ${plan.keys} keys do not open under ${newKey}: keep both seal keys`);
  }
  const oldKey = swap ? keptName(sealKey) : undefined;
  if (oldKey !== undefined) replaceSealKey(sealKey, newKey, oldKey);
  return { ...plan, ...(index !== undefined && { index }), ...(oldKey !== undefined && { oldKey }) };
};
