import { MAX_ACCESS_TOKEN_TTL_SECONDS } from './access-token.ts';
import type { AuthorityPurpose, SigningAlgorithm } from './authority.ts';
import { MAX_JWT_SVID_TTL_SECONDS } from './jwt-profile.ts';
import { MAX_X509_TTL_SECONDS } from './x509-profile.ts';

/** made: by us, sealed. brought: the operator's certificate and key file. offline: only its certificate is here. */
export type RootOrigin = 'made' | 'brought' | 'offline';

/** The rules that authorities live by. Durations in seconds. */
export interface AuthorityPolicy {
  readonly root: RootOrigin;
  /** Life counts from activation; a spare's certificate is valid for the time that it waits, too. */
  readonly life: Readonly<Record<AuthorityPurpose, number>>;
  /** How long a key is published before it signs (DEC-22, JK-06). */
  readonly prepublish: number;
  /** How far the `notBefore` of a CA lies back: further than any leaf's (DEC-25). */
  readonly caBackdate: number;
  /** How long after its last signature something may still need the key: longest credential + skew + `max-age` (JK-07). */
  readonly retention: Readonly<Record<AuthorityPurpose, number>>;
  /** The first one is the default. JWT purposes may have ES256 and RS256 side by side; a CA has one. */
  readonly algorithms: Readonly<Record<AuthorityPurpose, readonly [SigningAlgorithm, ...SigningAlgorithm[]]>>;
}

/** JK-08. */
export const MAX_KEYS_PER_SET = 8;
/** DEC-24: what caches may keep. */
export const KEY_SET_MAX_AGE_SECONDS = 300;

const DAY = 86_400;
const SKEW = 60;
const AFTERLIFE = SKEW + KEY_SET_MAX_AGE_SECONDS;

/** design.md §6, DEC-22: root 1 year, everything else 7 days, published 24 h ahead. */
export const DEFAULT_AUTHORITY_POLICY: AuthorityPolicy = {
  root: 'made',
  life: { 'x509-root': 365 * DAY, 'x509-issuing': 7 * DAY, 'jwt-svid': 7 * DAY, 'access-token': 7 * DAY },
  prepublish: DAY,
  caBackdate: 3600,
  retention: {
    'x509-root': MAX_X509_TTL_SECONDS + AFTERLIFE,
    'x509-issuing': MAX_X509_TTL_SECONDS + AFTERLIFE,
    'jwt-svid': MAX_JWT_SVID_TTL_SECONDS + AFTERLIFE,
    'access-token': MAX_ACCESS_TOKEN_TTL_SECONDS + AFTERLIFE,
  },
  algorithms: {
    'x509-root': ['ES256'],
    'x509-issuing': ['ES256'],
    'jwt-svid': ['ES256'],
    'access-token': ['ES256'],
  },
};

/** RS256 beside ES256, each with keys of its own, for verifiers that demand it (AT-05, JWT-6). */
export const JWT_ALGORITHMS_WITH_RS256 = {
  'jwt-svid': ['ES256', 'RS256'],
  'access-token': ['ES256', 'RS256'],
} as const satisfies Partial<AuthorityPolicy['algorithms']>;

/** The least that a key must be able to live for rotation to work: it waits published, serves, and its credentials end. */
const shortestLife = (policy: AuthorityPolicy, purpose: AuthorityPurpose): number =>
  6 * Math.max(policy.retention[purpose], purpose === 'x509-issuing' ? 0 : policy.prepublish);

/** Says everything that does not fit together in a policy; empty when it is sound. */
export const authorityPolicyProblems = (policy: AuthorityPolicy): string[] => {
  const problems: string[] = [];
  const { life, prepublish } = policy;
  if (prepublish < 900) problems.push('keys are published at least 15 minutes before they sign');
  for (const purpose of ['x509-issuing', 'jwt-svid', 'access-token'] as const) {
    const least = shortestLife(policy, purpose);
    // The last sixth of a key's life is left for what it signed.
    if (life[purpose] < least) problems.push(`a key for ${purpose} lives at least ${least} seconds`);
  }
  if (life['x509-root'] < 6 * life['x509-issuing'])
    problems.push('a root lives at least six times as long as an issuing CA');
  return problems;
};
