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

/** What the system says where it is the folder that does not let the file be written. */
const PLACE_CODES: readonly unknown[] = ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS'];

/** A sentence for the operator, with the system's `code`. */
const notWritten = (path: string, cause: unknown): Error => {
  const { code } = cause as NodeJS.ErrnoException;
  const remedy = PLACE_CODES.includes(code) ? ": its folder has to be there, and be the server's to write to" : '';
  return Object.assign(new Error(`the head file ${path} cannot be written (${code})${remedy}`, { cause }), { code });
};

/** Throws with a sentence for the operator, and the system's `code`, where `writeHeadFile` would fail. Writes nothing. */
export const checkHeadPlace = (path: string): void => {
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
    if (existsSync(nextOf(path))) accessSync(nextOf(path), constants.W_OK);
  } catch (error) {
    throw notWritten(path, error);
  }
};

const replaceHead = (path: string, { logId, epoch, size, root }: LogHead): void => {
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

/**
 * Replaces the file whole: a reader sees the old head or the new one, also after a crash. Throws with a sentence for the operator,
 * and the system's `code`.
 */
export const writeHeadFile = (path: string, head: LogHead): void => {
  try {
    replaceHead(path, head);
  } catch (error) {
    throw notWritten(path, error);
  }
};
