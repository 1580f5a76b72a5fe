import type { Authority } from '../domain/authority.ts';
import type { Issuer } from './issuer.ts';
import { record } from './admin-write.ts';

/** An authority whose private key lies sealed in the store. */
export type SealedAuthority = Authority & { readonly key: Extract<Authority['key'], { kind: 'sealed' }> };

/** Every sealed key of the store, whatever becomes of it: revoked authorities keep theirs until they are gone. */
export const sealedAuthorities = (views: Pick<Issuer['views'], 'authorities'>): readonly SealedAuthority[] =>
  views.authorities.list().filter((authority): authority is SealedAuthority => authority.key.kind === 'sealed');

/**
 * Puts every sealed key of the store under another seal key, in one fact: after a crash all of them are under the one or
 * all under the other (DEC-26). `reseal` gives the new blob of a key and throws when the old one does not open; then
 * nothing is recorded. Nobody may make a key meanwhile. Resolves with the place of the fact, when it is durable.
 */
export const resealKeys = async (
  { ledger, views }: Pick<Issuer, 'ledger' | 'views'>,
  reseal: (authority: SealedAuthority) => string,
  by: string,
): Promise<number> => {
  const keys = sealedAuthorities(views).map((authority) => ({ id: authority.id, blob: reseal(authority) }));
  return (await record({ ledger }, [{ kind: 'keys-resealed', keys, by }])).index;
};
