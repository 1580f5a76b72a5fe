import type { OidcTenancy } from '../domain/oidc-selectors.ts';
import type { TrustDomain } from '../domain/trust-domain.ts';
import type { Follower } from '../ledger/follow.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Views } from '../ports/views.ts';
import type { DenialLimit } from './denial-limit.ts';
import type { SigningKeys } from './signing-keys.ts';

/** The rules that issuance follows. Durations in seconds. */
export interface IssuancePolicy {
  readonly trustDomain: TrustDomain;
  /** `iss` of JWT-SVIDs: the public URL, absent without one (DEC-29). */
  readonly jwtIssuer?: string;
  /** `iss` of access tokens: `<public>/oauth2`. */
  readonly tokenIssuer?: string;
  readonly x509Ttl: number;
  /** What an X.509-SVID's TTL may be at least; five minutes unless told. */
  readonly minX509Ttl?: number;
  readonly jwtTtl: number;
  readonly agentTtl: number;
  readonly agentlessTtl: number;
  readonly tokenTtl: number;
  /** How long an agentless identity may renew after it attested (DEC-14). */
  readonly maxSession: number;
  /** How long an expired agent may come back with its node key (DEC-13). */
  readonly nodeKeyLife: number;
  /** How far `notBefore` lies back. */
  readonly backdate: number;
  /** Patterns that common names and DNS names of entries must match; none by default (DEC-25). `*` stands for one or more characters. */
  readonly commonNames: readonly string[];
  readonly dnsNames: readonly string[];
  /** RS256 signs beside ES256 (AT-05, JWT-6); off unless told. */
  readonly rs256?: boolean;
  /** Issuers whose tokens become selectors; entries on those with many tenants must pin an owner (DEC-17). */
  readonly oidcIssuers?: readonly OidcTenancy[];
}

/** What one front end works with. A use case takes the slice that it uses: `Pick<Issuer, 'clock' | 'ledger'>`. */
export interface Issuer {
  readonly policy: IssuancePolicy;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly ledger: Ledger;
  readonly views: Views;
  /** Revocations and authorities in memory, following the ledger. */
  readonly follower: Follower;
  readonly keys: SigningKeys;
  readonly denials: DenialLimit;
}
