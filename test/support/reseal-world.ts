import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSealKey } from '../../src/adapters/keys/seal-key.ts';
import { keyStore } from '../../src/adapters/keys/sealed.ts';
import { systemEntropy } from '../../src/adapters/system/entropy.ts';
import { parseConfig } from '../../src/compose/config.ts';
import type { Config } from '../../src/compose/config.ts';
import { initServer } from '../../src/compose/init-server.ts';
import type { ResealOptions } from '../../src/compose/reseal-server.ts';
import { startServer } from '../../src/compose/server.ts';
import { sealedAuthorities, type SealedAuthority } from '../../src/usecases/reseal-keys.ts';
import { keepingLogger } from './http.ts';
import { readLedger } from './journey.ts';

export interface Folder {
  readonly at: (name: string) => string;
  readonly file: string;
  readonly config: Config;
  /** As `mayfly server reseal` asks without --new-key. */
  readonly options: ResealOptions;
}

/** What stands for a folder that `mayfly server init` prepared. */
export const folderAt = (root: string, more: object = {}, trustDomain = 'example.org'): Folder => {
  const at = (name: string): string => join(root, name);
  const server = {
    dataDir: at('data'),
    sealKey: at('keys/seal.key'),
    admin: { socket: at('a.sock') },
    api: { address: '127.0.0.1', port: 0 },
    public: { address: '127.0.0.1', port: 0 },
    metrics: { port: 0 },
    frontEnds: 1,
    ...more,
  };
  const text = JSON.stringify({ trustDomain, server });
  const parsed = parseConfig({ text, folder: root, environment: {}, flags: {} });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const { config } = parsed;
  const options = { config, newKey: `${config.server.sealKey}.next`, swap: true, by: 'uid:0' };
  return { at, file: at('mayfly.yaml'), config, options };
};

/** Copies of a folder that a server has used and left. */
export class UsedFolders {
  readonly #root = mkdtempSync(join(tmpdir(), 'mayfly-reseal-'));
  #copies = 0;

  async make(): Promise<void> {
    const { at, file, config } = folderAt(join(this.#root, 'first'));
    const { dataDir, sealKey, admin } = config.server;
    initServer({ file, trustDomain: 'example.org', dataDir, sealKey, adminSocket: admin.socket });
    await (await startServer(config, { logger: keepingLogger() })).stop();
    rmSync(at('a.sock'), { force: true });
  }

  copy(): string {
    this.#copies += 1;
    const root = join(this.#root, `copy-${this.#copies}`);
    cpSync(join(this.#root, 'first'), root, { recursive: true, preserveTimestamps: true });
    for (const folder of [root, join(root, 'data'), join(root, 'keys')]) chmodSync(folder, 0o700);
    return root;
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}

export const sealedIn = ({ config }: Folder): readonly SealedAuthority[] =>
  readLedger(config.server.dataDir, sealedAuthorities);

/** How many keys of the store open under the seal key in a file. */
export const opensUnder = async (folder: Folder, file: string): Promise<number> => {
  const { dataDir } = folder.config.server;
  const logId = readLedger(dataDir, ({ log }) => log.head().logId);
  const keys = keyStore({ trustDomain: 'example.org', logId, sealKey: readSealKey(file), entropy: systemEntropy() });
  const tried = await Promise.allSettled(sealedIn(folder).map((authority) => keys.open(authority)));
  return tried.filter(({ status }) => status === 'fulfilled').length;
};

/** Everything that the store's files hold. */
export const storeBytes = ({ at }: Folder): string =>
  ['data/ledger.db', 'data/ledger.db-wal']
    .map((name) => {
      try {
        return readFileSync(at(name)).toString('latin1');
      } catch {
        return '';
      }
    })
    .join('');
