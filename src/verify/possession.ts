import { verify } from 'node:crypto';
import { DerError } from '../formats/der-reader.ts';
import { publicKeyPem, readPublicKey, type PublicKeyInfo } from '../formats/public-key.ts';

const MAX_SPKI_BYTES = 1024;
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 4096;

const isGood = ({ kind, bits, exponent }: PublicKeyInfo): boolean =>
  kind === 'p256' ||
  kind === 'p384' ||
  (kind === 'rsa' && bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS && exponent === 65537);

const readKey = (spki: Uint8Array): PublicKeyInfo | undefined => {
  try {
    return readPublicKey(spki);
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
};

/**
 * Why `signature` does not show that the holder of `spki` (DER) signed `message`, if so. Keys are those of DEC-20, whose bounds
 * are looked at before any signature. P-256 and RSA (PKCS #1 v1.5) sign with SHA-256, P-384 with SHA-384; ECDSA signatures are
 * DER. The answer is for the operator.
 */
export const possessionProblem = (spki: Uint8Array, message: Uint8Array, signature: Uint8Array): string | undefined => {
  if (spki.length > MAX_SPKI_BYTES) return 'the key is too long';
  const key = readKey(spki);
  if (key === undefined) return 'the key is malformed';
  if (!isGood(key)) return 'the key is not P-256, P-384, or RSA of 2048 to 4096 bits';
  try {
    const isSigned = verify(key.kind === 'p384' ? 'sha384' : 'sha256', message, publicKeyPem(spki), signature);
    return isSigned ? undefined : 'the signature does not verify with the key';
  } catch {
    // OpenSSL refuses to load the key, for example a point that is not on its curve.
    return 'the key does not load';
  }
};
