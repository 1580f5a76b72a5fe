import { type Authority, type AuthorityPurpose, isCaPurpose } from './authority.ts';
import type { AuthorityPolicy } from './authority-policy.ts';
import { unixSeconds, type Instant } from './instant.ts';

/** An issuing CA that has no certificate yet: its offline root has not signed. */
export const isWaiting = (authority: Authority): boolean =>
  isCaPurpose(authority.purpose) && authority.certificate === undefined;

/** Verifiers are told of it: not before it has a certificate, not after it was revoked or went. */
export const isPublished = (authority: Authority): boolean =>
  ['prepared', 'active', 'old'].includes(authority.state) && !isWaiting(authority);

/**
 * Unix seconds at which the next one takes over: five sixths of the life that it has as the active one. A sixth is left in
 * any case: `activatedAt` is ledger time, which stays ahead where the wall clock once was (DEC-9).
 */
export const rotatesAt = (authority: Authority, policy: AuthorityPolicy): number => {
  const life = policy.life[authority.purpose];
  const from = unixSeconds(authority.activatedAt ?? authority.preparedAt);
  const served = from + Math.floor((Math.min(life, authority.notAfter - from) * 5) / 6);
  const left = Math.ceil(Math.min(life, authority.notAfter - unixSeconds(authority.preparedAt)) / 6);
  return Math.min(served, authority.notAfter - left);
};

/** Unix seconds from which an offline root is asked for the next issuing CA: half of the life that the present one has. */
export const asksRootFrom = ({ activatedAt, preparedAt, notAfter }: Authority): number =>
  (unixSeconds(activatedAt ?? preparedAt) + notAfter) / 2;

/** The root that an issuing CA hangs on, while verifiers are told of it; without it, what the CA signs is worth nothing to anyone. */
export const publishedRootOf = (issuing: Authority, all: readonly Authority[]): Authority | undefined =>
  all.find((each) => each.id === issuing.issuer && isPublished(each));

/** May sign, or be made to: not tainted, has a certificate and a root that is published and not tainted, and lives. */
export const isUsable = (authority: Authority, all: readonly Authority[], now: Instant): boolean =>
  (authority.state === 'active' || authority.state === 'prepared') &&
  !authority.tainted &&
  !isWaiting(authority) &&
  authority.notAfter > unixSeconds(now) &&
  (authority.purpose !== 'x509-issuing' || publishedRootOf(authority, all)?.tainted === false);

/**
 * Unix seconds from which a spare may sign: by then verifiers have had `prepublish` seconds to learn what they need to know
 * of it, which for an issuing CA is its root alone. 0 where that root has signed before, or is not on record.
 */
export const maySignFrom = (spare: Authority, all: readonly Authority[], policy: AuthorityPolicy): number => {
  const root = all.find(({ id }) => id === spare.issuer);
  const published = spare.purpose === 'x509-issuing' ? root : spare;
  if (published === undefined || (published !== spare && published.activatedAt !== undefined)) return 0;
  return unixSeconds(published.preparedAt) + policy.prepublish;
};

/** An active JWT key of an algorithm that was switched off: nobody takes over from it, so it ends with its life. */
const isSwitchedOff = ({ state, purpose, algorithm }: Authority, policy: AuthorityPolicy): boolean =>
  state === 'active' && !isCaPurpose(purpose) && !policy.algorithms[purpose].includes(algorithm);

/** Nothing that it signed can still be in use. */
export const isOver = (
  authority: Authority,
  all: readonly Authority[],
  now: Instant,
  policy: AuthorityPolicy,
): boolean => {
  const seconds = unixSeconds(now);
  if (authority.state === 'prepared' && isWaiting(authority)) return false;
  if (authority.state === 'prepared' || authority.state === 'revoked') return authority.notAfter <= seconds;
  if (isSwitchedOff(authority, policy)) return authority.notAfter + policy.retention[authority.purpose] <= seconds;
  if (authority.state !== 'old') return false;
  if (authority.purpose === 'x509-root') {
    return !all.some((each) => each.issuer === authority.id && each.state !== 'gone' && each.state !== 'revoked');
  }
  const retired = unixSeconds(authority.retiredAt ?? authority.preparedAt);
  // Ledger time that is ahead of the clock says little; nothing that it signed outlives it.
  const last = retired > seconds ? Math.min(retired, authority.notAfter) : retired;
  return last + policy.retention[authority.purpose] <= seconds;
};

/** Counts from 1, and never backwards: the newest of a purpose is never let go (`nextAuthorityStep`). */
export const nextGeneration = (all: readonly Authority[], purpose: AuthorityPurpose): number =>
  1 + Math.max(0, ...all.filter((each) => each.purpose === purpose).map(({ generation }) => generation));

/** Whether two authorities stand in for each other: CAs of one purpose, JWT keys of one purpose and algorithm. */
export const isSameLine = (
  authority: Authority,
  purpose: AuthorityPurpose,
  algorithm: Authority['algorithm'] | undefined,
): boolean =>
  authority.purpose === purpose &&
  (algorithm === undefined || isCaPurpose(purpose) || authority.algorithm === algorithm);

/** The one that signs. A JWT purpose has one for each algorithm; without `algorithm` any of them. */
export const activeOf = (
  all: readonly Authority[],
  purpose: AuthorityPurpose,
  algorithm?: Authority['algorithm'],
): Authority | undefined => all.find((each) => each.state === 'active' && isSameLine(each, purpose, algorithm));
