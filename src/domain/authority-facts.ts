import type { Authority, AuthorityPurpose, KeyId } from './authority.ts';

/** A key that nothing is signed with yet; verifiers learn it at once (DEC-22). */
export interface AuthorityPrepared {
  readonly kind: 'authority-prepared';
  readonly authority: Authority;
  readonly by: string;
}

/** An offline root's signature came back: the waiting issuing CA has its certificate. */
export interface AuthorityInstalled {
  readonly kind: 'authority-installed';
  readonly id: KeyId;
  readonly certificate: string;
  readonly issuer: KeyId;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly by: string;
}

/** At most one authority of a purpose is active: activating one makes the active one old, in the same fact. */
export interface AuthorityChanged {
  readonly kind: 'authority-activated' | 'authority-tainted' | 'authority-revoked' | 'authority-gone';
  readonly id: KeyId;
  readonly purpose: AuthorityPurpose;
  /** Activation: who was active until now. */
  readonly replaces?: KeyId;
  readonly reason?: string;
  readonly by: string;
}

/** The private keys in the store are sealed under another seal key from here on (DEC-26): all of them in one fact. */
export interface KeysResealed {
  readonly kind: 'keys-resealed';
  /** The log holds the ids alone, never a sealed key. */
  readonly keys: readonly { readonly id: KeyId; readonly blob: string }[];
  readonly by: string;
}
