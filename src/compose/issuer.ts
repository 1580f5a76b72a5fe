import { keyStore } from '../adapters/keys/sealed.ts';
import type { FrontEndLedger } from '../adapters/sqlite/open-ledger.ts';
import { Follower } from '../ledger/follow.ts';
import { rememberedViews } from '../ledger/remembered-views.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { KeyStore } from '../ports/keys.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Issuer } from '../usecases/issuer.ts';
import { OpenSigningKeys } from '../usecases/open-signing-keys.ts';
import { DenialLimit } from '../usecases/denial-limit.ts';
import type { Config } from './config.ts';
import { issuancePolicy, type PolicySurroundings } from './policy.ts';

export interface IssuerParts {
  readonly config: Config;
  /** `mayfly dev`. */
  readonly dev?: boolean;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly opened: FrontEndLedger;
  readonly sealKey: Uint8Array;
  /** Wraps the ledger, to measure it. */
  readonly observe?: (ledger: Ledger) => Ledger;
  /** For tests of crashes. */
  readonly wrapKeyStore?: (store: KeyStore) => KeyStore;
}

export interface BuiltIssuer {
  /** The issuer as it is before a public URL is known; `withPublicUrl` gives the one that serves. */
  readonly issuer: Issuer;
  readonly keyStore: KeyStore;
}

/** What one thread issues with: its own connection to the ledger, its own memory of it, its own opened keys. */
export const buildIssuer = (parts: IssuerParts): BuiltIssuer => {
  const { config, clock, entropy, opened, sealKey, observe, wrapKeyStore } = parts;
  const follower = new Follower(opened.views);
  const views = rememberedViews(opened.views, follower);
  const { trustDomain, credentials } = config;
  const sealed = keyStore({ trustDomain, logId: views.log.head().logId, sealKey, entropy, credentials });
  const store = wrapKeyStore ? wrapKeyStore(sealed) : sealed;
  const issuer: Issuer = {
    policy: issuancePolicy(config, { dev: parts.dev === true }),
    clock,
    entropy,
    ledger: observe ? observe(opened.ledger) : opened.ledger,
    views,
    follower,
    keys: new OpenSigningKeys(follower, store),
    denials: new DenialLimit(),
  };
  return { issuer, keyStore: store };
};

/** The same issuer, issuing under a public URL (DEC-29). */
export const withPublicUrl = (issuer: Issuer, config: Config, surroundings: PolicySurroundings): Issuer => ({
  ...issuer,
  policy: issuancePolicy(config, surroundings),
});
