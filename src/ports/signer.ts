import type { KeyObject } from 'node:crypto';
import type { KeyId, SigningAlgorithm } from '../domain/authority.ts';

/**
 * A private key, wherever it lives: a sealed file, PKCS#11, a KMS. It signs bytes and does nothing else.
 * ES256 and ES384 answer raw r‖s (IEEE P1363); RS256 answers PKCS #1 v1.5.
 */
export interface Signer {
  readonly keyId: KeyId;
  readonly algorithm: SigningAlgorithm;
  readonly publicKey: KeyObject;
  sign(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
}
