import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { getuid } from 'node:process';
import { Refusal } from '../../domain/refusal.ts';
import { isClosed, isServiceCredential } from '../../domain/secret-file.ts';

export interface GuardedFile {
  /** What the file holds, for the message: `seal key`. */
  readonly what: string;
  readonly maxBytes: number;
  /** The folder of systemd's credentials, where a file may look as if its group could read it; none unless told. */
  readonly credentials?: string | undefined;
}

const refuse = (what: string, path: string, problem: string): never => {
  throw new Refusal('unavailable', `the ${what} file ${path} ${problem}`, { field: 'path' });
};

const openWithoutFollowing = (path: string, what: string): number => {
  try {
    // Without O_NONBLOCK, opening a pipe that lies at this path would wait for a writer.
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return refuse(what, path, 'does not exist');
    if (code === 'ELOOP' || code === 'EMLINK') return refuse(what, path, 'is a symbolic link: name the file itself');
    return refuse(what, path, `cannot be opened (${code ?? 'unknown error'})`);
  }
};

const isCredentialIn = (credentials: string | undefined, path: string, stat: Stats): boolean => {
  const own = getuid?.();
  if (credentials === undefined || own === undefined || dirname(resolve(path)) !== resolve(credentials)) return false;
  const folder = lstatSync(credentials);
  return folder.isDirectory() && isServiceCredential(stat, folder, own);
};

/**
 * Reads a file that holds a secret. Every check is made on the open descriptor, so nobody can swap the file in between.
 *
 * Refuses with `unavailable`: a missing file, a symbolic link in the last place, anything but a regular file, a file that
 * group or others may read, write or execute (but see `isServiceCredential`), an owner other than root and this process, an empty or too long one.
 */
export const readGuardedFile = (path: string, { what, maxBytes, credentials }: GuardedFile): Buffer => {
  const descriptor = openWithoutFollowing(path, what);
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) return refuse(what, path, 'is not a regular file');
    if (!isClosed(stat) && !isCredentialIn(credentials, path, stat)) {
      return refuse(what, path, 'is open to group or others: chmod 0400 it');
    }
    const own = getuid?.();
    if (own !== undefined && own !== 0 && stat.uid !== own && stat.uid !== 0) {
      return refuse(what, path, 'belongs to another user');
    }
    const room = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < room.length; length += read) {
      read = readSync(descriptor, room, length, room.length - length, null);
    }
    if (length === 0) return refuse(what, path, 'is empty');
    if (length > maxBytes) return refuse(what, path, `is longer than ${maxBytes} bytes`);
    return room.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
};
