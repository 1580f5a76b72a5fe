import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { getuid } from 'node:process';
import type { LogHead } from '../../ports/ledger.ts';

const isHead = (value: unknown): value is LogHead => {
  if (typeof value !== 'object' || value === null) return false;
  const { logId, epoch, size, root } = value as Record<string, unknown>;
  return (
    typeof logId === 'string' &&
    Number.isSafeInteger(epoch) &&
    Number.isSafeInteger(size) &&
    typeof root === 'string' &&
    /^[0-9a-f]{64}$/.test(root)
  );
};

const isMissing = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';

/** What the server last remembered outside its store (DEC-11); undefined when there is no such file. Throws on any other. */
export const readHeadFile = (path: string): LogHead | undefined => {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const head: unknown = JSON.parse(text);
  if (!isHead(head)) throw new Error(`${path} is not a head file`);
  return head;
};

/** A command that root runs on the folder must not take the file away from the server's user. */
const keepOwner = (path: string, file: number): void => {
  const before = getuid?.() === 0 ? statSync(path, { throwIfNoEntry: false }) : undefined;
  if (before) fchownSync(file, before.uid, before.gid);
};

const nextOf = (path: string): string => `${path}.next`;

/** Throws with a sentence for the operator, and the system's `code`, where `writeHeadFile` would fail. Writes nothing. */
export const checkHeadPlace = (path: string): void => {
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
    if (existsSync(nextOf(path))) accessSync(nextOf(path), constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const sentence = `the head file ${path} cannot be written (${code}): its folder has to be there, and be the server's to write to`;
    throw Object.assign(new Error(sentence, { cause: error }), { code });
  }
};

/** Replaces the file whole: a reader sees the old head or the new one, also after a crash. */
export const writeHeadFile = (path: string, head: LogHead): void => {
  const { logId, epoch, size, root } = head;
  const next = nextOf(path);
  const file = openSync(next, 'w', 0o600);
  try {
    keepOwner(path, file);
    writeSync(file, `${JSON.stringify({ logId, epoch, size, root })}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(next, path);
};
