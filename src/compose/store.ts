import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createSealKey, isSealKeyInside, readSealKey } from '../adapters/keys/seal-key.ts';
import { type LedgerOptions, type OpenLedger, openLedger } from '../adapters/sqlite/open-ledger.ts';
import { ledgerFile } from '../adapters/sqlite/open.ts';
import {
  DEFAULT_AUTHORITY_POLICY,
  JWT_ALGORITHMS_WITH_RS256,
  type AuthorityPolicy,
} from '../domain/authority-policy.ts';
import { parsePem } from '../formats/pem.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { BroughtRoot } from '../usecases/authority-keeper.ts';
import type { AuthorityManager } from '../usecases/draft-authority-change.ts';
import type { Config } from './config.ts';
import { checkFounding, endFounding } from './founding.ts';
import type { BuiltIssuer } from './issuer.ts';

/**
 * The seal key as configured. `dev` makes it on the first start, beside the data, which nothing else may (DEC-26). Never for
 * a store that exists: a new key would open nothing of it, and stand in the way of the old one.
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

/** What a server for real use demands of its data folder, beyond what the store itself does. */
export const checkDataFolder = (dataDir: string): void => {
  const stat = statSync(dataDir, { throwIfNoEntry: false });
  if (!stat) throw new Error(`${dataDir} does not exist; mayfly server init makes it`);
  if (!stat.isDirectory()) throw new Error(`${dataDir} is not a folder`);
  if ((stat.mode & 0o077) !== 0) throw new Error(`${dataDir} is open to group or others: chmod 0700 it`);
};

/**
 * Opens the ledger of the configured folder. Where a start would make a new store in place of one that is missing, or in a
 * folder that `init` never made, it is refused before anything is created.
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

/** The root that the configuration names: its certificate, and the path of its key, which is not read yet. */
export const broughtRoot = ({ server: { root } }: Config): BroughtRoot | undefined => {
  if (root.kind !== 'files' || root.certFile === undefined || root.keyFile === undefined) return undefined;
  const [certificate] = parsePem(readFileSync(root.certFile, 'utf8'), 'CERTIFICATE');
  if (!certificate) throw new Error(`${root.certFile} holds no certificate`);
  return { certificate, keyReference: root.keyFile };
};

const ORIGINS = { generated: 'made', files: 'brought', offline: 'offline' } as const;

/** How authorities live, as configured. */
export const authorityPolicy = ({ server: { root, tokens } }: Config): AuthorityPolicy => ({
  ...DEFAULT_AUTHORITY_POLICY,
  root: ORIGINS[root.kind],
  ...(tokens.rs256 && { algorithms: { ...DEFAULT_AUTHORITY_POLICY.algorithms, ...JWT_ALGORITHMS_WITH_RS256 } }),
});

/** What looks after the authorities, as configured. */
export const authorityKeeper = (config: Config, { issuer, keyStore }: BuiltIssuer): AuthorityManager => {
  const brought = broughtRoot(config);
  return {
    trustDomain: config.trustDomain,
    authorityPolicy: authorityPolicy(config),
    ...(brought && { broughtRoot: brought }),
    clock: issuer.clock,
    entropy: issuer.entropy,
    ledger: issuer.ledger,
    views: issuer.views,
    keyStore,
  };
};
