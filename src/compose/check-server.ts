import { accessSync, constants, existsSync, lstatSync, readFileSync, statfsSync, statSync } from 'node:fs';
import type { StatsFs } from 'node:fs';
import { dirname } from 'node:path';
import { getuid } from 'node:process';
import { createSecureContext } from 'node:tls';
import { openKeyFile } from '../adapters/keys/key-file.ts';
import { isSealKeyInside, readSealKey } from '../adapters/keys/seal-key.ts';
import { checkHeadPlace } from '../adapters/sqlite/head-file.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { DEFAULT_AUTHORITY_POLICY } from '../domain/authority-policy.ts';
import { readCaCertificate } from '../formats/ca-certificate.ts';
import { readCertificate } from '../formats/certificate.ts';
import { parsePem } from '../formats/pem.ts';
import { rootProblems } from '../verify/ca-certificate.ts';
import { broughtRoot } from './authorities.ts';
import { checkAuthorityKeys, checkStore } from './check-store.ts';
import type { Config } from './config.ts';
import { type Finding, look, wrong } from './finding.ts';
import { accessObstacle, TO_WRITE } from './folder-access.ts';
import { publicIdentity } from './listener-identity.ts';
import { askRunning, checkPort } from './ports-taken.ts';
import { checkDataFolder } from './store.ts';

/** What a start needs: the write-ahead log of its first commits, and the files beside the store. */
const LEAST_ROOM_BYTES = 8 * 1024 * 1024;

/** What keeps a server from writing on a file system; undefined where there is room, and where the file system does not tell. */
export const roomProblem = ({
  blocks,
  bavail,
  bsize,
}: Pick<StatsFs, 'blocks' | 'bavail' | 'bsize'>): string | undefined => {
  const room = bavail * bsize;
  if (blocks === 0 || room >= LEAST_ROOM_BYTES) return undefined;
  return `the disk is full, with ${Math.floor(room / 1024)} KiB left: make room, or a server that writes ends`;
};

const checkFolder = (folder: string): string => {
  checkDataFolder(folder);
  accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  const full = roomProblem(statfsSync(folder));
  return full === undefined ? folder : wrong(`${folder}: ${full}`);
};

/** The user that a server runs as: root, who looks, is told by the data folder. */
const serverUser = (dataDir: string): number | undefined =>
  getuid?.() === 0 ? statSync(dataDir, { throwIfNoEntry: false })?.uid : getuid?.();

const checkHeadFile = (file: string, dataDir: string): string => {
  checkHeadPlace(file);
  const folder = dirname(file);
  const obstacle = accessObstacle(folder, serverUser(dataDir), TO_WRITE);
  return obstacle === undefined ? file : wrong(`the folder of the head file, ${folder}, ${obstacle}`);
};

const checkSealKey = ({ server, credentials }: Config): string => {
  readSealKey(server.sealKey, { credentials }).fill(0);
  if (existsSync(server.dataDir) && isSealKeyInside(server.dataDir, server.sealKey)) {
    return wrong(`${server.sealKey} lies in the data folder, so a copy of the data is a copy of the keys`);
  }
  return server.sealKey;
};

const checkCertificates = (file: string): string => {
  const count = parsePem(readFileSync(file, 'utf8'), 'CERTIFICATE').map(readCertificate).length;
  if (count === 0) return wrong(`${file} holds no certificate`);
  return `${file}, ${count} ${count === 1 ? 'certificate' : 'certificates'}`;
};

const checkRoot = (config: Config): string => {
  const root = broughtRoot(config);
  if (!root) return wrong('no certificate');
  const certificate = readCaCertificate(root.certificate);
  const problems = rootProblems(certificate, {
    trustDomain: config.trustDomain,
    now: systemClock.now(),
    minLife: DEFAULT_AUTHORITY_POLICY.life['x509-issuing'],
  });
  if (problems.length > 0) return wrong(`the root certificate is not suitable: ${problems.join('; ')}`);
  const key = openKeyFile(root.keyReference, { credentials: config.credentials });
  const own = key.publicKey.export({ format: 'der', type: 'spki' });
  if (Buffer.compare(own, certificate.spki) !== 0) return wrong(`${root.keyReference} is the key of something else`);
  return `${root.keyReference}, ${key.algorithm}, fits its certificate`;
};

const checkPublicIdentity = (config: Config): string => {
  const identity = publicIdentity(config);
  if (!identity) return wrong('no certificate');
  createSecureContext({ cert: identity.certificateChain, key: identity.privateKey });
  return `${config.server.public.certificate?.keyFile ?? ''}, fits its certificate`;
};

const checkSocketFolder = ({ dataDir, admin: { socket } }: Config['server']): string => {
  const folder = dirname(socket);
  // The start follows no link to it either.
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  if (stat === undefined) return `${folder} is not there yet; the start makes it`;
  if (!stat.isDirectory()) return wrong(`${folder} is not a folder`);
  const user = serverUser(dataDir);
  if (user !== undefined && stat.uid !== user) {
    return wrong(`${folder} belongs to user ${stat.uid}, not to the server's, ${user}: chown it`);
  }
  if ((stat.mode & 0o077) !== 0) return wrong(`${folder} is open to group or others: chmod 0700 it`);
  return socket;
};

const checkFiles = (config: Config): readonly Promise<Finding>[] => {
  const { server, attestors } = config;
  const certificate = server.public.certificate;
  const lists: readonly (readonly [string, string | undefined])[] = [
    ['root certificate', server.root.certFile],
    ['public certificate', certificate?.certFile],
    ...(attestors.x509pop?.caFiles ?? []).map((file) => ['x509pop authorities', file] as const),
    ...(attestors.oidc?.issuers ?? []).map(({ name, caFile }) => [`authorities for ${name}`, caFile] as const),
  ];
  return [
    ...lists.flatMap(([what, file]) => (file === undefined ? [] : [look(what, () => checkCertificates(file))])),
    ...(server.root.kind === 'files' ? [look('root key', () => checkRoot(config))] : []),
    ...(certificate ? [look('public key', () => checkPublicIdentity(config))] : []),
  ];
};

/** Looks at all that a start needs, and goes on after what is wrong, so that everything is said at once. A server may be running. */
export const checkServer = async (config: Config): Promise<readonly Finding[]> => {
  const { server } = config;
  const { headFile } = server;
  const running = await askRunning(server.admin.socket);
  const looks = [
    look('data folder', () => checkFolder(server.dataDir)),
    look('store', () => checkStore(config)),
    // Beside the store it has the store's folder.
    ...(headFile === undefined ? [] : [look('head file', () => checkHeadFile(headFile, server.dataDir))]),
    look('seal key', () => checkSealKey(config)),
    look('authority keys', () => checkAuthorityKeys(config)),
    ...checkFiles(config),
    look('admin socket', () => checkSocketFolder(server)),
    ...(['api', 'public', 'metrics'] as const).map((name) =>
      look(`${name} listener`, () => checkPort(config, name, running)),
    ),
  ];
  return Promise.all(looks);
};
