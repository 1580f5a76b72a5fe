import { createPrivateKey, type KeyObject } from 'node:crypto';
import { Refusal } from '../../domain/refusal.ts';
import type { SigningAlgorithm } from '../../domain/authority.ts';
import type { Signer } from '../../ports/signer.ts';
import { type GuardedFile, readGuardedFile } from './guarded-file.ts';
import { algorithmOfKey, localSigner } from './local-signer.ts';

/** An RSA key of 4096 bits in PEM has about 3,300 bytes. */
const MAX_KEY_FILE_BYTES = 16 * 1024;

const parse = (pem: Buffer, path: string): KeyObject => {
  try {
    return createPrivateKey(pem);
  } catch {
    // The library's message may quote what it read.
    throw new Refusal('unavailable', `the private key file ${path} is not a PEM private key without a password`);
  } finally {
    pem.fill(0);
  }
};

/**
 * Opens a private key that the operator brings, a PEM file by its path (PKCS #8, SEC 1 or PKCS #1, not encrypted). Refuses
 * with `unavailable`, as `readGuardedFile`, for what is no key, and for a key that is not P-256, P-384 or RSA of 2048 to
 * 4096 bits.
 */
export const openKeyFile = (path: string, { credentials }: Pick<GuardedFile, 'credentials'> = {}): Signer => {
  const pem = readGuardedFile(path, { what: 'private key', maxBytes: MAX_KEY_FILE_BYTES, credentials });
  const key = parse(pem, path);
  const algorithm: SigningAlgorithm | undefined = algorithmOfKey(key);
  if (algorithm === undefined) {
    throw new Refusal('unavailable', `the private key file ${path} holds neither a P-256, P-384 nor RSA 2048-4096 key`);
  }
  return localSigner(key, algorithm);
};
