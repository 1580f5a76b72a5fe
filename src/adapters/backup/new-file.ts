import { constants, link, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Refusal } from '../../domain/refusal.ts';

/** Makes the names in a folder durable. */
export const flushFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  ENOENT: 'its folder does not exist',
  EACCES: 'you may not write there',
  EROFS: 'the disk takes no writes',
};

const asRefusal = (error: unknown, path: string): unknown => {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EEXIST') return new Refusal('conflict', `there is a file at ${path} already`);
  const reason = code === undefined ? undefined : REASONS[code];
  return reason === undefined ? error : new Refusal('unavailable', `${path} cannot be written: ${reason}`);
};

/**
 * Writes a file that only its owner may read (0600). It has its name only when it is whole and on disk, and never takes the
 * place of another. Gives its length. Refuses with `conflict` when something lies there, with `unavailable` when there is no
 * room or no right to write; then nothing is left behind.
 */
export const writeNewFile = async (path: string, content: AsyncIterable<Uint8Array>): Promise<number> => {
  const part = `${path}.part`;
  let length = 0;
  try {
    await rm(part, { force: true });
    const handle = await open(part, 'wx', 0o600);
    try {
      for await (const piece of content) {
        await handle.writeFile(piece);
        length += piece.length;
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(part, path);
    await flushFolder(dirname(path));
    return length;
  } catch (error) {
    throw asRefusal(error, path);
  } finally {
    await rm(part, { force: true });
  }
};
