import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { Authority, SigningAlgorithm } from '../../domain/authority.ts';
import type { Entropy } from '../../ports/entropy.ts';
import type { KeyStore } from '../../ports/keys.ts';
import type { Signer } from '../../ports/signer.ts';
import { openKeyFile } from './key-file.ts';
import { localSigner } from './local-signer.ts';
import { seal, SEAL_KEY_BYTES, unseal, type SealedPlace } from './seal.ts';

const generate = promisify(generateKeyPair);
const RSA_BITS = 2048;

const makeKey = async (algorithm: SigningAlgorithm): Promise<KeyObject> => {
  if (algorithm === 'RS256') return (await generate('rsa', { modulusLength: RSA_BITS })).privateKey;
  return (await generate('ec', { namedCurve: algorithm === 'ES384' ? 'P-384' : 'P-256' })).privateKey;
};

const spkiOf = (signer: Signer): string => signer.publicKey.export({ format: 'der', type: 'spki' }).toString('base64');

/** A key that signs, but is not the one that was published under this name. */
const assertFits = (authority: Authority, signer: Signer): Signer => {
  const fits = signer.keyId === authority.id && signer.algorithm === authority.algorithm;
  if (fits && spkiOf(signer) === authority.publicKey) return signer;
  throw new Error(`the private key of ${authority.id} (${authority.purpose}) does not fit its public key`);
};

export interface KeyStoreOptions {
  readonly trustDomain: string;
  readonly logId: string;
  /** 32 octets. */
  readonly sealKey: Uint8Array;
  readonly entropy: Entropy;
  /** The folder of systemd's credentials, for keys in files. */
  readonly credentials?: string | undefined;
}

/**
 * Keys in the ledger, sealed with AES-256-GCM (DEC-26), and keys that an operator brings as files. Once opened, a private
 * key is in this process's memory only as a KeyObject, which prints and serialises as nothing.
 */
export const keyStore = ({ trustDomain, logId, sealKey, entropy, credentials }: KeyStoreOptions): KeyStore => {
  if (sealKey.length !== SEAL_KEY_BYTES) throw new RangeError(`a seal key has ${SEAL_KEY_BYTES} octets`);
  const place = (keyId: Authority['id'], purpose: Authority['purpose']): SealedPlace => ({
    trustDomain,
    logId,
    keyId,
    purpose,
  });

  const openSealed = (authority: Authority, blob: string): Signer => {
    const plain = unseal(blob, sealKey, place(authority.id, authority.purpose));
    try {
      return localSigner(createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' }), authority.algorithm);
    } finally {
      plain.fill(0);
    }
  };

  return {
    create: async (purpose, algorithm) => {
      const privateKey = await makeKey(algorithm);
      const signer = localSigner(privateKey, algorithm);
      const plain = privateKey.export({ format: 'der', type: 'pkcs8' });
      const blob = seal(plain, sealKey, place(signer.keyId, purpose), entropy);
      plain.fill(0);
      return { id: signer.keyId, publicKey: spkiOf(signer), key: { kind: 'sealed', blob }, signer };
    },
    open: async (authority) => {
      const { key } = authority;
      if (key.kind === 'absent') throw new Error(`the private key of ${authority.id} is not kept here`);
      const signer =
        key.kind === 'file' ? openKeyFile(key.reference, { credentials }) : openSealed(authority, key.blob);
      return assertFits(authority, signer);
    },
  };
};
