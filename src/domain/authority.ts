import type { Instant } from './instant.ts';

/** RFC 7638 thumbprint of the public key: the `kid` of JWT keys, and our name for X.509 keys too. Never used for a second key. */
export type KeyId = string & { readonly __brand: 'KeyId' };

export const AUTHORITY_PURPOSES = ['x509-root', 'x509-issuing', 'jwt-svid', 'access-token'] as const;
/** One key, one purpose (JK-04). */
export type AuthorityPurpose = (typeof AUTHORITY_PURPOSES)[number];

/** Whether authorities of a purpose are CAs, with a certificate; all others are keys for tokens. */
export const isCaPurpose = (purpose: AuthorityPurpose): boolean => purpose.startsWith('x509-');

/** prepared (published everywhere, signs nothing) → active → old (verifies only) → gone; revoked drops it at once (DEC-22, DEC-23). */
export type AuthorityState = 'prepared' | 'active' | 'old' | 'revoked' | 'gone';

/** ES256: P-256. ES384: P-384. RS256: RSA with 2048 bits or more. */
export type SigningAlgorithm = 'ES256' | 'ES384' | 'RS256';

/** Where the private key is. `absent`: with someone else (an offline root). */
export type KeyHome =
  | { readonly kind: 'sealed'; readonly blob: string }
  | { readonly kind: 'file'; readonly reference: string }
  | { readonly kind: 'absent' };

export interface Authority {
  readonly id: KeyId;
  readonly purpose: AuthorityPurpose;
  readonly algorithm: SigningAlgorithm;
  /** Counts from 1 within one purpose; part of a CA's subject name (DEC-25). */
  readonly generation: number;
  readonly state: AuthorityState;
  /** Agents re-issue at once what this key signed. */
  readonly tainted: boolean;
  /** Base64 of the SPKI DER. */
  readonly publicKey: string;
  /** Base64 of the DER; absent for JWT keys, and for an issuing CA that waits for its offline root's signature. */
  readonly certificate?: string;
  /** The root that signed an issuing CA. */
  readonly issuer?: KeyId;
  readonly key: KeyHome;
  /** Unix seconds. For JWT keys: the planned life. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly preparedAt: Instant;
  readonly activatedAt?: Instant;
  readonly retiredAt?: Instant;
}
