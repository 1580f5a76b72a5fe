import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import type { RememberedHead } from '../../ledger/remembered-head.ts';

const isHead = (value: unknown): value is RememberedHead => {
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
export const readHeadFile = (path: string): RememberedHead | undefined => {
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

/** Replaces the file whole: a reader sees the old head or the new one, also after a crash. */
export const writeHeadFile = (path: string, head: RememberedHead): void => {
  const { logId, epoch, size, root } = head;
  const next = `${path}.next`;
  const file = openSync(next, 'w', 0o600);
  try {
    writeSync(file, `${JSON.stringify({ logId, epoch, size, root })}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(next, path);
};
