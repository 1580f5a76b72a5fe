import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import type { KeyId } from '../domain/authority.ts';

/** RFC 7518 §6.2: coordinates have the full length of the curve. */
export interface EcJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256' | 'P-384' | 'P-521';
  readonly x: string;
  readonly y: string;
}

export interface RsaJwk {
  readonly kty: 'RSA';
  readonly n: string;
  readonly e: string;
}

export interface OkpJwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
}

/** A public key with exactly the members that make its thumbprint. */
export type PublicJwk = EcJwk | RsaJwk | OkpJwk;

const CURVES: readonly string[] = ['P-256', 'P-384', 'P-521'] satisfies EcJwk['crv'][];

/**
 * The public JWK of a key; of a private key too, since only public members are copied (JK-01). Throws RangeError for a
 * key type that no token of ours uses.
 */
export const publicJwk = (key: KeyObject): PublicJwk => {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  if (publicKey.type !== 'public') throw new RangeError('a secret key has no public JWK');
  const { kty, crv, x, y, n, e } = publicKey.export({ format: 'jwk' });
  if (kty === 'EC' && crv !== undefined && CURVES.includes(crv) && x !== undefined && y !== undefined) {
    return { kty, crv: crv as EcJwk['crv'], x, y };
  }
  if (kty === 'RSA' && n !== undefined && e !== undefined) return { kty, n, e };
  if (kty === 'OKP' && crv === 'Ed25519' && x !== undefined) return { kty, crv, x };
  throw new RangeError('no JWK for this type of key');
};

/** As `publicJwk`, from the DER of a SubjectPublicKeyInfo. */
export const publicJwkOfSpki = (der: Uint8Array): PublicJwk =>
  publicJwk(createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' }));

/** The members in lexical order; their values need no escaping. */
const thumbprintInput = (jwk: PublicJwk): string => {
  if (jwk.kty === 'EC') return `{"crv":"${jwk.crv}","kty":"EC","x":"${jwk.x}","y":"${jwk.y}"}`;
  if (jwk.kty === 'RSA') return `{"e":"${jwk.e}","kty":"RSA","n":"${jwk.n}"}`;
  return `{"crv":"${jwk.crv}","kty":"OKP","x":"${jwk.x}"}`;
};

/** RFC 7638 thumbprint with SHA-256, base64url (JK-03): our `kid` (JK-02). */
export const jwkThumbprint = (jwk: PublicJwk): KeyId =>
  createHash('sha256').update(thumbprintInput(jwk)).digest('base64url') as KeyId;

/** The name of a key of ours, wherever it is used. */
export const keyIdOf = (key: KeyObject): KeyId => jwkThumbprint(publicJwk(key));

export interface JwksKey {
  readonly kid: KeyId;
  readonly alg: string;
  readonly jwk: PublicJwk;
}

/**
 * The JSON text of a key set as `/keys` and `/oauth2/jwks` serve it: public members, `kid`, `alg` and `use` of every key
 * (JK-01, JK-02). Throws RangeError when a `kid` stands twice.
 */
export const jwksDocument = (keys: readonly JwksKey[]): string => {
  if (new Set(keys.map(({ kid }) => kid)).size !== keys.length) throw new RangeError('a kid stands twice in a key set');
  return JSON.stringify({ keys: keys.map(({ kid, alg, jwk }) => ({ ...jwk, kid, alg, use: 'sig' })) });
};
