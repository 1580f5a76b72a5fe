import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { isSealKeyInside, readSealKey } from '../adapters/keys/seal-key.ts';
import { ledgerFile, openForReading } from '../adapters/sqlite/open.ts';
import { readCertificate } from '../formats/certificate.ts';
import { parsePem } from '../formats/pem.ts';
import { openKeyFile } from '../adapters/keys/key-file.ts';
import { readFileSync } from 'node:fs';
import type { Config } from './config.ts';

/** One thing that was looked at. */
export interface Finding {
  readonly what: string;
  readonly ok: boolean;
  readonly detail: string;
}

const look = async (what: string, look: () => string | Promise<string>): Promise<Finding> => {
  try {
    return { what, ok: true, detail: await look() };
  } catch (error) {
    return { what, ok: false, detail: (error as Error).message };
  }
};

const wrong = (detail: string): never => {
  throw new Error(detail);
};

const checkFolder = (folder: string): string => {
  const stat = statSync(folder, { throwIfNoEntry: false });
  if (stat === undefined) return wrong(`${folder} does not exist; mayfly server init makes it`);
  if (!stat.isDirectory()) return wrong(`${folder} is not a folder`);
  if ((stat.mode & 0o077) !== 0) return wrong(`${folder} is open to group or others: chmod 0700 it`);
  accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  return folder;
};

const checkStore = (folder: string): string => {
  const file = ledgerFile(folder);
  if (!existsSync(file)) return `${file} is not there yet; the first start makes it`;
  const db = openForReading(file);
  try {
    const answer = db.pragma('quick_check(1)', { simple: true });
    return answer === 'ok' ? file : wrong(`${file} is damaged: ${String(answer)}`);
  } finally {
    db.close();
  }
};

const checkSealKey = ({ server }: Config): string => {
  readSealKey(server.sealKey).fill(0);
  if (existsSync(server.dataDir) && isSealKeyInside(server.dataDir, server.sealKey)) {
    return wrong(`${server.sealKey} lies in the data folder, so a copy of the data is a copy of the keys`);
  }
  return server.sealKey;
};

const checkCertificates = (file: string): string => {
  const count = parsePem(readFileSync(file, 'utf8'), 'CERTIFICATE').map(readCertificate).length;
  return `${file}, ${count} ${count === 1 ? 'certificate' : 'certificates'}`;
};

const checkKey = (file: string): string => `${file}, ${openKeyFile(file).algorithm}`;

const checkPort = (address: string, port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === 'EADDRINUSE' ? 'is taken; is a server running already?' : `cannot be opened (${error.code})`;
      reject(new Error(`${address} port ${port} ${reason}`));
    });
    probe.listen({ host: address, port, exclusive: true }, () =>
      probe.close(() => resolve(`${address} port ${port} is free`)),
    );
  });

const checkSocketFolder = (socket: string): string => {
  const folder = dirname(socket);
  const stat = statSync(folder, { throwIfNoEntry: false });
  if (stat === undefined) return `${folder} is not there yet; the start makes it`;
  return stat.isDirectory() ? socket : wrong(`${folder} is not a folder`);
};

/** Looks at all that a start needs, and goes on after what is wrong, so that everything is said at once. */
export const checkServer = async (config: Config): Promise<readonly Finding[]> => {
  const { server, attestors } = config;
  const certificate = server.public.certificate;
  const files: readonly (readonly [string, string | undefined, (file: string) => string])[] = [
    ['root certificate', server.root.certFile, checkCertificates],
    ['root key', server.root.keyFile, checkKey],
    ['public certificate', certificate?.certFile, checkCertificates],
    ['public key', certificate?.keyFile, checkKey],
    ...(attestors.x509pop?.caFiles ?? []).map((file) => ['x509pop authorities', file, checkCertificates] as const),
  ];
  const looks = [
    look('data folder', () => checkFolder(server.dataDir)),
    look('store', () => checkStore(server.dataDir)),
    look('seal key', () => checkSealKey(config)),
    ...files.flatMap(([what, file, check]) => (file === undefined ? [] : [look(what, () => check(file))])),
    look('admin socket', () => checkSocketFolder(server.admin.socket)),
    ...(['api', 'public', 'metrics'] as const).map((name) =>
      look(`${name} listener`, () => checkPort(server[name].address, server[name].port)),
    ),
  ];
  return Promise.all(looks);
};
