import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { getuid } from 'node:process';
import { Refusal } from '../../domain/refusal.ts';
import { isClosed, isServiceCredential } from '../../domain/secret-file.ts';

export interface EvidenceFile {
  readonly path: string;
  /** What it holds, for messages. */
  readonly what: string;
  readonly maxBytes: number;
  /** Group and others may not open it. */
  readonly secret: boolean;
  /** The folder of systemd's credentials, where a file may look as if its group could read it; none unless told. */
  readonly credentials?: string | undefined;
}

const refuse = ({ what, path }: EvidenceFile, problem: string): Refusal =>
  new Refusal('unavailable', `the ${what} file ${path} ${problem}`);

const open = (file: EvidenceFile): number => {
  try {
    // Links are followed: Kubernetes swaps mounted files by them. Without O_NONBLOCK a pipe at this path would be waited for.
    return openSync(file.path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw refuse(file, code === 'ENOENT' ? 'does not exist' : `cannot be opened (${code})`);
  }
};

const isCredentialIn = ({ credentials, path }: EvidenceFile, stat: Stats): boolean => {
  const own = getuid?.();
  if (credentials === undefined || own === undefined || dirname(resolve(path)) !== resolve(credentials)) return false;
  const folder = lstatSync(credentials);
  // Who may write to the place that a link leads to is not looked at.
  return folder.isDirectory() && !lstatSync(path).isSymbolicLink() && isServiceCredential(stat, folder, own);
};

/** What the file holds now. Refuses with `unavailable`, by its path, and never tells what is in it. */
export const readEvidenceFile = (file: EvidenceFile): Buffer => {
  const descriptor = open(file);
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw refuse(file, 'is not a regular file');
    if (file.secret && !isClosed(stat) && !isCredentialIn(file, stat)) {
      throw refuse(file, 'is open to group or others: chmod 0400 it');
    }
    const room = Buffer.alloc(file.maxBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < room.length; length += read) {
      read = readSync(descriptor, room, length, room.length - length, null);
    }
    if (length === 0) throw refuse(file, 'is empty');
    if (length > file.maxBytes) throw refuse(file, `is longer than ${file.maxBytes} bytes`);
    return room.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
};
