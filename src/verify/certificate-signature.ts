import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import type { Certificate } from '../formats/certificate.ts';
import { publicKeyPem } from '../formats/public-key.ts';

/** Whether `key` made the signature of `certificate`. False too for algorithms and keys that Mayfly does not verify. */
export const isSignedBy = (certificate: Certificate, key: KeyObject): boolean => {
  const algorithm = certificate.signatureAlgorithm;
  if (algorithm === undefined || key.asymmetricKeyType !== (algorithm.family === 'rsa' ? 'rsa' : 'ec')) return false;
  return verify(algorithm.hash, certificate.tbs, key, certificate.signature);
};

const keys = new WeakMap<Certificate, KeyObject>();

/** The public key of a certificate, made once for each; undefined when it does not load, such as a point off its curve. */
export const certificateKey = (certificate: Certificate): KeyObject | undefined => {
  const known = keys.get(certificate);
  if (known !== undefined) return known;
  try {
    const key = createPublicKey(publicKeyPem(certificate.spki));
    keys.set(certificate, key);
    return key;
  } catch {
    return undefined;
  }
};
