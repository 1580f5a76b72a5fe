import type { KeyObject } from 'node:crypto';
import type { Authority } from '../domain/authority.ts';
import type { Signer } from '../ports/signer.ts';

/** The active issuing CA, with everything that a leaf needs of it worked out once. */
export interface IssuingCa {
  readonly authority: Authority;
  readonly signer: Signer;
  readonly certificate: Uint8Array;
  /** Sent after the leaf: the issuing CA, then whatever stands between it and the root. */
  readonly chain: readonly Uint8Array[];
  /** The subject's DER, for the leaf's issuer field. */
  readonly subjectDer: Uint8Array;
  readonly subjectKeyId: Uint8Array;
  readonly publicKey: KeyObject;
}

export interface JwtKey {
  readonly authority: Authority;
  readonly signer: Signer;
}

/** The keys that sign now, opened. They follow the ledger: after an activation the next call gives the new one. */
export interface SigningKeys {
  /** Refuses with `unavailable` when no issuing CA is active or its key does not open. */
  issuing(): Promise<IssuingCa>;
  jwt(purpose: 'jwt-svid' | 'access-token', algorithm?: 'ES256' | 'RS256'): Promise<JwtKey>;
}
