import { createCipheriv, createDecipheriv } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, rm, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Entropy } from '../../ports/entropy.ts';
import type { HoldingsCache } from '../../ports/holdings-cache.ts';
import type { Logger } from '../../ports/logger.ts';

export interface SealedFileOptions {
  /** In a folder that only the agent may read. */
  readonly path: string;
  /** 32 octets that lie elsewhere: the file alone is worth nothing. */
  readonly key: Uint8Array;
  /** What is sealed for one trust domain does not open for another. */
  readonly trustDomain: string;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

/** Names the whole form: AES-256-GCM, 12 octets of nonce, ciphertext, 16 octets of tag. */
const FORM = Buffer.from('mayfly-agent-cache-1\n');
const KEY_BYTES = 32;
/** Random: a key that seals once a minute would need some thousand years to repeat one. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const MAX_BYTES = 256 * 1024 * 1024;

const associatedData = (trustDomain: string): Buffer => Buffer.concat([FORM, Buffer.from(trustDomain)]);

const seal = (plain: Uint8Array, { key, trustDomain, entropy }: SealedFileOptions): Buffer => {
  const nonce = entropy.bytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(trustDomain));
  return Buffer.concat([FORM, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
};

/** Throws when it was sealed with another key or for another trust domain, or when any octet of it is another. */
const unseal = (sealed: Buffer, { key, trustDomain }: SealedFileOptions): Buffer => {
  const body = sealed.subarray(FORM.length);
  if (!sealed.subarray(0, FORM.length).equals(FORM) || body.length < NONCE_BYTES + TAG_BYTES) {
    throw new Error('it is not in a form that this version reads');
  }
  const nonce = body.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(trustDomain));
  decipher.setAuthTag(body.subarray(-TAG_BYTES));
  const plain = decipher.update(body.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    decipher.final();
  } catch {
    plain.fill(0);
    throw new Error('it was sealed with another key, for another trust domain, or has been changed');
  }
  return plain;
};

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

const read = async (path: string): Promise<Buffer> => {
  // Without O_NONBLOCK, opening a pipe that lies at this path would wait for a writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error('it is not a regular file');
    if (stat.size > MAX_BYTES) throw new Error('it is too long');
    return await file.readFile();
  } finally {
    await file.close();
  }
};

/** Whether there was one. */
const removeFile = async (path: string): Promise<boolean> => {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
};

const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(dirname(path), constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
};

/** Where a file is written before it takes the place of the last one. */
const nextOf = (path: string): string => `${path}.new`;

/**
 * Takes away what was sealed while there was a key for it, also what a crash left half written. Says whether there was anything. Rejects
 * when the disk fails.
 */
export const removeSealedFile = async (path: string): Promise<boolean> => {
  const removed = await Promise.all([path, nextOf(path)].map(removeFile));
  if (!removed.includes(true)) return false;
  await syncFolder(path);
  return true;
};

/** One file with mode 0600 that is replaced whole. One agent has it at a time; its calls do not overlap. */
export const sealedFile = (options: SealedFileOptions): HoldingsCache => {
  const { path, key, logger } = options;
  if (key.length !== KEY_BYTES) throw new RangeError(`a key of the cache has ${KEY_BYTES} octets`);
  const next = nextOf(path);
  return {
    load: async () => {
      try {
        return unseal(await read(path), options);
      } catch (error) {
        if (!isMissing(error)) {
          const problem = (error as Error).message;
          logger.warn('what the agent kept over its restart is not used', { path, problem });
        }
        return undefined;
      }
    },
    save: async (plain) => {
      // What a crash left behind, or somebody's link, is not written to.
      await rm(next, { force: true });
      const file = await open(next, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
      try {
        await file.writeFile(seal(plain, options));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(next, path);
      await syncFolder(path);
    },
    clear: async () => {
      await removeSealedFile(path);
    },
  };
};
