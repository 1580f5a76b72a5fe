import type { webcrypto } from 'node:crypto';

/** @peculiar/x509 names the Web Crypto types as browsers have them; these are the same types of Node (DEC-42). */
declare global {
  type BufferSource = webcrypto.BufferSource;
  type Algorithm = webcrypto.Algorithm;
  type AlgorithmIdentifier = webcrypto.AlgorithmIdentifier;
  type KeyUsage = webcrypto.KeyUsage;
  type Crypto = webcrypto.Crypto;
  type CryptoKey = webcrypto.CryptoKey;
  type CryptoKeyPair = webcrypto.CryptoKeyPair;
  type EcKeyGenParams = webcrypto.EcKeyGenParams;
  type EcKeyImportParams = webcrypto.EcKeyImportParams;
  type EcdsaParams = webcrypto.EcdsaParams;
  type RsaHashedImportParams = webcrypto.RsaHashedImportParams;
}
