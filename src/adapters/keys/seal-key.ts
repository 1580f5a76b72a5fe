import {
  chownSync,
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, relative, isAbsolute, sep } from 'node:path';
import { getuid } from 'node:process';
import { Refusal } from '../../domain/refusal.ts';
import type { Entropy } from '../../ports/entropy.ts';
import { type GuardedFile, readGuardedFile } from './guarded-file.ts';
import { SEAL_KEY_BYTES } from './seal.ts';

export interface SealKeyFile extends Pick<GuardedFile, 'credentials'> {
  /** What the key is called in messages; `seal key` unless told. */
  readonly what?: string;
}

/**
 * Reads a key that seals: exactly 32 raw octets, in a regular file that only its owner may read (DEC-26), or a credential. Refuses
 * with `unavailable`, as `readGuardedFile` and for any other length.
 */
export const readSealKey = (path: string, { what = 'seal key', credentials }: SealKeyFile = {}): Buffer => {
  const key = readGuardedFile(path, { what, maxBytes: SEAL_KEY_BYTES, credentials });
  if (key.length !== SEAL_KEY_BYTES) {
    throw new Refusal('unavailable', `the ${what} file ${path} does not hold ${SEAL_KEY_BYTES} bytes`, {
      field: 'path',
    });
  }
  return key;
};

const isInside = (folder: string, path: string): boolean => {
  const steps = relative(folder, path);
  return steps === '' || (!isAbsolute(steps) && steps !== '..' && !steps.startsWith(`..${sep}`));
};

/** Whether the seal key lies inside the data folder, where a copy of the data would take it along. Links are resolved. */
export const isSealKeyInside = (dataFolder: string, path: string): boolean =>
  isInside(realpathSync(dataFolder), realpathSync(dirname(path)));

const writeDurably = (path: string, bytes: Uint8Array): void => {
  rmSync(path, { force: true });
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o400);
  try {
    writeSync(descriptor, bytes);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};

/** A second name for a file; never in the place of another file. */
const linkNew = (file: string, name: string): void => {
  try {
    linkSync(file, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new Refusal('conflict', `there is a file at ${name} already`, { field: 'path' });
  }
};

const syncFolder = (folder: string): void => {
  const descriptor = openSync(folder, constants.O_RDONLY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};

/**
 * Makes the seal key with mode 0400 and makes it durable, with the folder (0700) where that is missing. Never overwrites:
 * refuses with `conflict` when something, a dangling link too, lies at `path`.
 */
export const createSealKey = (path: string, entropy: Entropy): Buffer => {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const key = Buffer.from(entropy.bytes(SEAL_KEY_BYTES));
  // Under its own name only when it is whole: half a key, left by a crash, would keep the server from starting.
  const whole = `${path}.new`;
  writeDurably(whole, key);
  try {
    linkNew(whole, path);
  } finally {
    rmSync(whole);
  }
  syncFolder(folder);
  return key;
};

/**
 * Puts the seal key file `next`, of the same folder, in the place of `current`, with its owner; the old key stays under the
 * name `kept`. At each moment, a crash included, `current` is the old key or the new one, whole. Refuses with `conflict`
 * when something lies at `kept`.
 */
export const replaceSealKey = (current: string, next: string, kept: string): void => {
  const { uid, gid } = statSync(current);
  // Only root gives files away; anyone else owns both.
  if (getuid?.() === 0) chownSync(next, uid, gid);
  linkNew(current, kept);
  syncFolder(dirname(current));
  renameSync(next, current);
  syncFolder(dirname(current));
};
