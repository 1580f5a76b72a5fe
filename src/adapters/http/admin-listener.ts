import { chmod, lstat, mkdir, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import type { RequestListener } from 'node:http';
import type { Logger } from '../../ports/logger.ts';
import type { Delays } from '../../ports/timers.ts';
import type { Peer } from './peer.ts';
import { createHttpServer } from './server.ts';
import type { HttpServer } from './server.ts';
import type { ServerLimits } from './server-limits.ts';

/** Reads who is at the other end of a connected Unix socket, by its descriptor. */
export type ReadPeerUid = (descriptor: number) => { readonly uid: number };

/** Knows the peers of the local socket, and lets in only root and the server's own user (DEC-28). */
export class LocalPeers {
  readonly #known = new WeakMap<Socket, Peer>();
  readonly #readUid: ReadPeerUid;
  readonly #ownUid: number;
  readonly #logger: Logger;

  constructor(readUid: ReadPeerUid, ownUid: number, logger: Logger) {
    this.#readUid = readUid;
    this.#ownUid = ownUid;
    this.#logger = logger;
  }

  /** Before its first byte is read: a peer that may not administer loses its connection. */
  readonly admit = (socket: Socket): void => {
    const uid = this.#uidOf(socket);
    if (uid === 0 || (uid !== undefined && uid === this.#ownUid)) {
      this.#known.set(socket, { source: `uid:${uid}`, admin: { name: `uid:${uid}`, role: 'owner' } });
      return;
    }
    this.#logger.warn('a connection to the admin socket was refused', { uid });
    socket.destroy();
  };

  readonly peerOf = (socket: Socket): Peer => this.#known.get(socket) ?? { source: 'uid:unknown' };

  #uidOf(socket: Socket): number | undefined {
    // Node has no public way from a socket to its descriptor.
    const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } | null };
    if (handle?.fd === undefined || handle.fd < 0) return undefined;
    try {
      return this.#readUid(handle.fd).uid;
    } catch {
      return undefined;
    }
  }
}

const FOLDER_MODE = 0o700;
const SOCKET_MODE = 0o600;

const errorCode = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

/** Does anybody answer on the socket? */
const isServed = (path: string): Promise<boolean> => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.once('connect', () => {
    socket.destroy();
    resolve(true);
  });
  // Only a refused connection proves that nobody is there: a full queue or missing permission does not.
  socket.once('error', (error) => resolve(errorCode(error) !== 'ECONNREFUSED'));
  return promise;
};

const clearStaleSocket = async (path: string): Promise<void> => {
  const found = await lstat(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`${path} exists and is not a socket`);
  if (await isServed(path)) throw new Error(`another server answers on ${path}`);
  await unlink(path);
};

/** The folder belongs to this user alone, so nobody else can reach the socket, or put another in its place. */
const preparePrivateFolder = async (folder: string, ownUid: number): Promise<void> => {
  await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  const found = await lstat(folder);
  if (!found.isDirectory()) throw new Error(`${folder} is not a folder`);
  if (found.uid !== ownUid)
    throw new Error(`the folder of the admin socket, ${folder}, belongs to another user: chown it to the server's`);
  // Changing the mode of a folder that exists could lock others out of theirs.
  if ((found.mode & 0o077) !== 0)
    throw new Error(`the folder of the admin socket, ${folder}, has to be closed to others (mode 0700)`);
};

export interface AdminListenerOptions {
  readonly path: string;
  readonly app: RequestListener;
  readonly peers: LocalPeers;
  readonly ownUid: number;
  readonly delays: Delays;
  readonly limits?: Partial<ServerLimits>;
  readonly onConnections?: (open: number) => void;
}

/**
 * Serves HTTP on a Unix socket: folder 0700, socket 0600. A socket that was left behind is replaced; one on which somebody answers
 * is not, nor anything else of that name; a folder of another user, or one that is open to others, is not used. The socket is gone after `close`.
 */
export const openAdminListener = async (options: AdminListenerOptions): Promise<HttpServer> => {
  const { path, app, peers, ownUid, delays, limits, onConnections } = options;
  await preparePrivateFolder(dirname(path), ownUid);
  await clearStaleSocket(path);
  const server = createHttpServer({
    app,
    delays,
    onConnection: peers.admit,
    ...(limits && { limits }),
    ...(onConnections && { onConnections }),
  });
  await server.listen({ path });
  await chmod(path, SOCKET_MODE);
  return server;
};
