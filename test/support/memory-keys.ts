import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { localSigner } from '../../src/adapters/keys/local-signer.ts';
import type { KeyId, SigningAlgorithm } from '../../src/domain/authority.ts';
import type { KeyStore } from '../../src/ports/keys.ts';

const newPrivateKey = (algorithm: SigningAlgorithm): KeyObject => {
  if (algorithm === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  return generateKeyPairSync('ec', { namedCurve: algorithm === 'ES256' ? 'P-256' : 'P-384' }).privateKey;
};

/** Private keys that end with the test. */
export const memoryKeyStore = (): KeyStore => {
  const keys = new Map<KeyId, KeyObject>();
  return {
    create: async (_purpose, algorithm) => {
      const privateKey = newPrivateKey(algorithm);
      const signer = localSigner(privateKey, algorithm);
      keys.set(signer.keyId, privateKey);
      const publicKey = signer.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
      return { id: signer.keyId, publicKey, key: { kind: 'sealed', blob: '' }, signer };
    },
    open: async ({ id, algorithm }) => {
      const privateKey = keys.get(id);
      if (privateKey === undefined) throw new Error(`no key ${id}`);
      return localSigner(privateKey, algorithm);
    },
  };
};
