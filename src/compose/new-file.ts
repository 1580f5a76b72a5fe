import { closeSync, fsyncSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Refusal } from '../domain/refusal.ts';

export const alreadyThere = (file: string): Refusal => new Refusal('conflict', `there is a file at ${file} already`);

/** Creates the file or refuses with `conflict`; it is durable when this returns. */
export const writeNew = (file: string, text: string): void => {
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  let descriptor: number;
  try {
    descriptor = openSync(file, 'wx', 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw alreadyThere(file);
  }
  try {
    // All of it, or an error: a disk that is nearly full takes a part of one write.
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};
