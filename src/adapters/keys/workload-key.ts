import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

const generate = promisify(generateKeyPair);

/** A new P-256 private key, in this process's memory only: for the server's own SVID. */
export const makeWorkloadKey = async (): Promise<KeyObject> =>
  (await generate('ec', { namedCurve: 'P-256' })).privateKey;
