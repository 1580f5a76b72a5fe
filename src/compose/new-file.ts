import { chmodSync, closeSync, fchmodSync, fsyncSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Refusal } from '../domain/refusal.ts';

export const alreadyThere = (file: string): Refusal => new Refusal('conflict', `there is a file at ${file} already`);

const FOLDER_MODE = 0o755;
const FILE_MODE = 0o644;

/**
 * Makes the folder of a configuration, where there is none. Programs under users of their own read it, so a umask that was set
 * for a secret must not close it. A folder that is there keeps its mode.
 */
export const makeOpenFolder = (folder: string): void => {
  // Whole: the folders above a relative path end at the working folder, which is not ours.
  const whole = resolve(folder);
  const first = mkdirSync(whole, { recursive: true, mode: FOLDER_MODE });
  if (first === undefined) return;
  for (let made = whole; made.length >= first.length; made = dirname(made)) chmodSync(made, FOLDER_MODE);
};

/**
 * Makes a folder that only its owner may enter, where there is none. Folders above it that are missing are made open: others
 * may have to come through, to a configuration that lies there, or as the user who is given the folder.
 */
export const makeClosedFolder = (folder: string): void => {
  makeOpenFolder(dirname(resolve(folder)));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
};

/** Creates a file that everyone may read, whatever the umask, or refuses with `conflict`; it is durable when this returns. */
export const writeNew = (file: string, text: string): void => {
  makeOpenFolder(dirname(file));
  let descriptor: number;
  try {
    descriptor = openSync(file, 'wx', FILE_MODE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw alreadyThere(file);
  }
  try {
    fchmodSync(descriptor, FILE_MODE);
    // All of it, or an error: a disk that is nearly full takes a part of one write.
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};
