import { chmod, lstat, mkdir, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname, isAbsolute } from 'node:path';

/** What `sockaddr_un` has room for on every system, the final zero left out. */
export const MAX_SOCKET_PATH_BYTES = 103;
/**
 * Connections that wait to be accepted: those of all workloads of a node that starts. A full queue fails them at once.
 */
const BACKLOG = 4096;
const FOLDER_MODE = 0o755;
const OTHERS_MAY_WRITE = 0o002;
const STICKY = 0o1000;

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
  if (await isServed(path)) throw new Error(`another agent answers on ${path}`);
  await unlink(path);
};

/**
 * Whoever may write into the folder could put another socket in the place of ours, and hand out identities of its own.
 */
const prepareFolder = async (folder: string): Promise<void> => {
  await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  const found = await lstat(folder);
  if (!found.isDirectory() && !found.isSymbolicLink()) throw new Error(`${folder} is not a folder`);
  if ((found.mode & OTHERS_MAY_WRITE) !== 0 && (found.mode & STICKY) === 0 && found.isDirectory())
    throw new Error(`everybody may write into the folder of the socket, ${folder}: take that right away (chmod o-w)`);
};

const checkPath = (path: string): void => {
  if (!isAbsolute(path)) throw new Error(`the path of the socket has to begin with a slash: ${path}`);
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_SOCKET_PATH_BYTES)
    throw new Error(`the path of the socket has ${bytes} bytes, and ${MAX_SOCKET_PATH_BYTES} is the most: ${path}`);
};

/**
 * Lets `server` listen on a Unix socket. Its folder is made if needed (0755); a socket that was left behind is
 * replaced, but not one on which somebody answers, nor anything else of that name. Rejects with one sentence for the
 * operator. The socket is gone when the server closes.
 */
export const listenOnSocket = async (server: Server, path: string, mode: number): Promise<void> => {
  checkPath(path);
  await prepareFolder(dirname(path));
  await clearStaleSocket(path);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ path, backlog: BACKLOG }, () => {
    server.off('error', reject);
    resolve();
  });
  await promise;
  await chmod(path, mode);
};
