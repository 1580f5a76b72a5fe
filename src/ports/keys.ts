import type { Authority, KeyHome, KeyId, SigningAlgorithm } from '../domain/authority.ts';
import type { Signer } from './signer.ts';

export interface MadeKey {
  readonly id: KeyId;
  /** Base64 of the SPKI DER. */
  readonly publicKey: string;
  readonly key: KeyHome;
  readonly signer: Signer;
}

/** Where private keys of authorities are made, kept and opened (design.md §6). */
export interface KeyStore {
  /** Makes a key and seals it, with trust domain, log, key id and purpose as associated data (DEC-26). */
  create(purpose: Authority['purpose'], algorithm: SigningAlgorithm): Promise<MadeKey>;
  /** Opens an authority's key. Throws when it is absent, does not unseal, or does not fit the public key. */
  open(authority: Authority): Promise<Signer>;
}
