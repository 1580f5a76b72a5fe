import { createPublicKey } from 'node:crypto';
import type { Authority, AuthorityPurpose } from '../domain/authority.ts';
import { publicJwk } from '../formats/jwk.ts';
import type { VerificationKey } from '../formats/jwk-import.ts';
import type { Issuer } from './issuer.ts';

const known = new WeakMap<Authority, VerificationKey>();

/** The public key of one of our token authorities, whatever its state. */
export const verificationKey = (authority: Authority): VerificationKey => {
  const held = known.get(authority);
  if (held) return held;
  const key = createPublicKey({ key: Buffer.from(authority.publicKey, 'base64'), format: 'der', type: 'spki' });
  const made = { key, jwk: publicJwk(key), kid: authority.id, alg: authority.algorithm };
  known.set(authority, made);
  return made;
};

/** Our own keys of one purpose whose signatures count today: active and old ones, never one that was revoked. */
export const ownVerificationKeys = (
  issuer: Pick<Issuer, 'follower'>,
  purpose: AuthorityPurpose,
): readonly VerificationKey[] => {
  issuer.follower.refresh();
  return issuer.follower
    .authorities(purpose)
    .filter(({ state }) => state === 'active' || state === 'old')
    .map(verificationKey);
};
