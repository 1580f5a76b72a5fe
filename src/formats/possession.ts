import { hash, type KeyObject, sign } from 'node:crypto';

/**
 * What the holder of a key signs to come with a certificate request: the server's nonce, then SHA-256 of the request's DER
 * (DEC-15). Without a nonce it only ties a key to the request; that is how a node key is first pinned.
 */
export const possessionMessage = (csrDigest: Uint8Array, nonce: Uint8Array = new Uint8Array(0)): Buffer =>
  Buffer.concat([nonce, csrDigest]);

/** SHA-256 of a certificate request's DER. */
export const csrDigest = (csr: Uint8Array): Buffer => hash('sha256', csr, 'buffer');

/** The signature that shows possession: P-256 and RSA with SHA-256, P-384 with SHA-384; ECDSA in DER. */
export const signPossession = (key: KeyObject, message: Uint8Array): Buffer =>
  sign(key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'sha384' : 'sha256', message, key);
