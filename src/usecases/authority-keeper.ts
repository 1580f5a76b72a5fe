import type { Authority, KeyId } from '../domain/authority.ts';
import type { AuthorityPolicy } from '../domain/authority-policy.ts';
import type { Fact } from '../domain/fact.ts';
import { Refusal } from '../domain/refusal.ts';
import type { TrustDomain } from '../domain/trust-domain.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { KeyStore } from '../ports/keys.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Views } from '../ports/views.ts';
import { type Committed, recordOr } from './record-facts.ts';

/** A root that the operator brings online: its certificate, and where its private key is. */
export interface BroughtRoot {
  /** DER. */
  readonly certificate: Uint8Array;
  /** Path of a PEM file. */
  readonly keyReference: string;
}

/** What the use cases around authorities work with. */
export interface AuthorityKeeper {
  readonly trustDomain: TrustDomain;
  readonly authorityPolicy: AuthorityPolicy;
  /** With `authorityPolicy.root` `brought`. */
  readonly broughtRoot?: BroughtRoot;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly ledger: Ledger;
  readonly views: Pick<Views, 'authorities'>;
  readonly keyStore: KeyStore;
}

/** An authority that is on record and not gone. Refuses with `not_found`. */
export const authorityOf = (keeper: Pick<AuthorityKeeper, 'views'>, id: string): Authority => {
  const authority = keeper.views.authorities.get(id as KeyId);
  if (authority === undefined || authority.state === 'gone') {
    throw new Refusal('not_found', `there is no authority ${id}`, { field: 'id' });
  }
  return authority;
};

/** Records facts that stand or fall together. Refuses with the ledger's code, and with `conflict` when someone was faster. */
export const recordFacts = (keeper: Pick<AuthorityKeeper, 'ledger'>, facts: readonly Fact[]): Promise<Committed> =>
  recordOr('conflict', keeper, facts);
