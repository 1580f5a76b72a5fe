import { createPublicKey, sign, type KeyObject } from 'node:crypto';
import type { SigningAlgorithm } from '../../domain/authority.ts';
import { ecdsaDerToP1363 } from '../../formats/ecdsa-signature.ts';
import { keyIdOf } from '../../formats/jwk.ts';
import type { Signer } from '../../ports/signer.ts';

/** A modulus above this makes every signature slow and every token long. */
const MAX_RSA_BITS = 4096;

/**
 * The one algorithm of a private key (JK-04): P-256 signs ES256, P-384 ES384, RSA of 2048 to 4096 bits with e = 65537
 * RS256. Undefined for every other key (JK-09).
 */
export const algorithmOfKey = (key: KeyObject): SigningAlgorithm | undefined => {
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === 'ec' && details?.namedCurve === 'prime256v1') return 'ES256';
  if (key.asymmetricKeyType === 'ec' && details?.namedCurve === 'secp384r1') return 'ES384';
  const bits = details?.modulusLength ?? 0;
  const isRsa = key.asymmetricKeyType === 'rsa' && details?.publicExponent === 65_537n;
  return isRsa && bits >= 2048 && bits <= MAX_RSA_BITS ? 'RS256' : undefined;
};

const signing = (algorithm: SigningAlgorithm, key: KeyObject): ((bytes: Uint8Array) => Uint8Array) => {
  if (algorithm === 'RS256') return (bytes) => sign('sha256', bytes, key);
  if (algorithm === 'ES384') return (bytes) => ecdsaDerToP1363(sign('sha384', bytes, key), 'p384');
  return (bytes) => ecdsaDerToP1363(sign('sha256', bytes, key), 'p256');
};

/**
 * A signer over a private key in this process's memory. Throws RangeError for a key that no algorithm of ours fits, or
 * that is not of `algorithm`.
 */
export const localSigner = (key: KeyObject, algorithm: SigningAlgorithm): Signer => {
  if (key.type !== 'private' || algorithmOfKey(key) !== algorithm) {
    throw new RangeError(`the private key is not one for ${algorithm}`);
  }
  const publicKey = createPublicKey(key);
  return { keyId: keyIdOf(publicKey), algorithm, publicKey, sign: signing(algorithm, key) };
};
