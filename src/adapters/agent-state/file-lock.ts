import { closeSync, constants, openSync } from 'node:fs';
import koffi from 'koffi';

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

let flock: ((descriptor: number, operation: number) => number) | undefined;

const loadFlock = (): ((descriptor: number, operation: number) => number) => {
  const library = process.platform === 'darwin' ? '/usr/lib/libSystem.B.dylib' : null;
  return koffi.load(library).func('int flock(int descriptor, int operation)');
};

/** Has anybody the lock on a file? Makes no file, and keeps nobody from taking the lock but for the moment of the look. */
export const isLocked = (path: string): boolean => {
  flock ??= loadFlock();
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  try {
    return flock(descriptor, LOCK_SH | LOCK_NB) !== 0;
  } finally {
    closeSync(descriptor);
  }
};

/**
 * Takes a lock on a file, which is made if there is none, and gives the function that lets go of it; undefined when it is
 * taken. The kernel lets go of it when the process ends, however that happens. flock(2) counts for each opening of the file,
 * so two openings in one process exclude each other, too.
 */
export const lockFile = (path: string): (() => void) | undefined => {
  flock ??= loadFlock();
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  if (flock(descriptor, LOCK_EX | LOCK_NB) !== 0) {
    closeSync(descriptor);
    return undefined;
  }
  let held = true;
  return () => {
    // The number may be another file's by the second call.
    if (held) closeSync(descriptor);
    held = false;
  };
};
