import { randomBytes } from 'node:crypto';
import { keyStore } from '../../src/adapters/keys/sealed.ts';
import { DEFAULT_AUTHORITY_POLICY, type AuthorityPolicy } from '../../src/domain/authority-policy.ts';
import { parseTrustDomain, type TrustDomain } from '../../src/domain/trust-domain.ts';
import { Follower } from '../../src/ledger/follow.ts';
import type { AuthorityKeeper, BroughtRoot } from '../../src/usecases/authority-keeper.ts';
import type { IssuancePolicy } from '../../src/usecases/issuer.ts';
import type { AuthorityOrder } from '../../src/usecases/manage-authorities.ts';
import { OpenSigningKeys } from '../../src/usecases/open-signing-keys.ts';
import { openTestLedger, testClock, type TestLedger } from './ledger.ts';

export const TRUST_DOMAIN = parseTrustDomain('example.org');
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

export interface TestAuthorities extends TestLedger {
  readonly keeper: AuthorityKeeper;
  readonly follower: Follower;
  readonly keys: OpenSigningKeys;
  readonly sealKey: Uint8Array;
}

export interface TestAuthorityOptions {
  readonly policy?: Partial<AuthorityPolicy>;
  readonly broughtRoot?: BroughtRoot;
  /** Where the clock starts, in Unix milliseconds. */
  readonly start?: number;
}

/** Everything that authorities need, over a real ledger and really sealed keys. Nothing is bootstrapped yet. Close it. */
export const openTestAuthorities = async (options: TestAuthorityOptions = {}): Promise<TestAuthorities> => {
  const store = await openTestLedger({ clock: testClock(options.start) });
  const sealKey = new Uint8Array(randomBytes(32));
  const { ledger, views, clock, entropy } = store;
  const { logId } = views.log.head();
  const keeper: AuthorityKeeper = {
    trustDomain: TRUST_DOMAIN,
    authorityPolicy: { ...DEFAULT_AUTHORITY_POLICY, ...options.policy },
    ...(options.broughtRoot && { broughtRoot: options.broughtRoot }),
    clock,
    entropy,
    ledger,
    views,
    keyStore: keyStore({ trustDomain: TRUST_DOMAIN, logId, sealKey, entropy }),
  };
  const follower = new Follower(views);
  return { ...store, keeper, follower, keys: new OpenSigningKeys(follower, keeper.keyStore), sealKey };
};

/** An operation on authorities that goes on whatever hangs on them. */
export const FORCED: AuthorityOrder = { by: 'test', force: true, standAside: () => Promise.resolve() };

/** The rules of issuance, as design.md §10 has them. */
export const testPolicy = (trustDomain: TrustDomain): IssuancePolicy => ({
  trustDomain,
  x509Ttl: 3600,
  jwtTtl: 300,
  agentTtl: 86_400,
  agentlessTtl: 600,
  tokenTtl: 300,
  maxSession: 86_400,
  nodeKeyLife: 30 * 86_400,
  backdate: 10,
  commonNames: [],
  dnsNames: [],
});
