import type { Authority } from './authority.ts';
import { activeOf, asksRootFrom, isUsable } from './authority-life.ts';
import type { AuthorityPolicy } from './authority-policy.ts';
import { unixSeconds, type Instant } from './instant.ts';

const dateOf = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000', '');

/** A successor that could take over when its time has come. */
const hasNext = (all: readonly Authority[], now: Instant, active: Authority): boolean =>
  all.some((each) => each.purpose === active.purpose && each.state === 'prepared' && isUsable(each, all, now));

const ofIssuing = (all: readonly Authority[], now: Instant): string | undefined => {
  const active = activeOf(all, 'x509-issuing');
  if (active === undefined || !isUsable(active, all, now) || hasNext(all, now, active)) return undefined;
  if (unixSeconds(now) < asksRootFrom(active)) return undefined;
  return `the issuing CA ends ${dateOf(active.notAfter)}: have the offline root sign the next one before that, by \`mayfly authority csr\` and \`mayfly authority install\``;
};

const ofRoot = (all: readonly Authority[], now: Instant, policy: AuthorityPolicy): string | undefined => {
  const active = activeOf(all, 'x509-root');
  if (active === undefined || !isUsable(active, all, now) || hasNext(all, now, active)) return undefined;
  // As early as a root of our own would be followed by the next.
  if (active.notAfter - unixSeconds(now) > policy.life['x509-root'] / 6) return undefined;
  return `the root ends ${dateOf(active.notAfter)}: bring the next one before that`;
};

/**
 * What nobody but the operator can do, and has to do in time, each in a sentence that says until when: where the root comes
 * from outside, its signature on the next issuing CA from half of the life of the present one on, and the next root from two
 * months before the end of the present one on. Empty when nothing is to be done, and where the root is made here.
 */
export const authorityWarnings = (
  all: readonly Authority[],
  now: Instant,
  policy: AuthorityPolicy,
): readonly string[] => {
  if (policy.root === 'made') return [];
  const issuing = policy.root === 'offline' ? ofIssuing(all, now) : undefined;
  return [issuing, ofRoot(all, now, policy)].filter((each) => each !== undefined);
};
