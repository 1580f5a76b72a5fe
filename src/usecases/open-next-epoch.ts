import type { Authority } from '../domain/authority.ts';
import type { AuthorityPolicy } from '../domain/authority-policy.ts';
import type { AuthorityChanged, EpochOpened } from '../domain/fact.ts';
import { unixSeconds } from '../domain/instant.ts';
import type { KnownElsewhere, LogHead } from '../ports/ledger.ts';
import type { AuthorityKeeper } from './authority-keeper.ts';

/** Nobody here makes a successor of a root that comes from outside, and it lost nothing: its issuing CAs go. */
const hasSuccessor = ({ purpose }: Authority, { root }: AuthorityPolicy): boolean =>
  purpose !== 'x509-root' || root === 'made';

/**
 * The keys that may have signed what the store does not know of. Who trusts them goes on to, until what they signed has
 * expired; nothing more is signed with them, and agents replace at once what they have (DEC-10).
 */
export const authoritiesToTaint = ({
  views,
  authorityPolicy,
}: Pick<AuthorityKeeper, 'views' | 'authorityPolicy'>): readonly Authority[] =>
  views.authorities
    .list()
    .filter(({ state, tainted }) => (state === 'active' || state === 'old') && !tainted)
    .filter((authority) => hasSuccessor(authority, authorityPolicy));

/**
 * The number of the next epoch: above every one that is known of, and the Unix seconds of its opening, so that two restores
 * of the same backup do not open the same one.
 */
export const nextEpoch = (keeper: Pick<AuthorityKeeper, 'clock'>, head: LogHead, known: KnownElsewhere): number =>
  Math.max(head.epoch + 1, known.epoch + 1, unixSeconds(keeper.clock.now()));

/**
 * What opens the next epoch of a log that takes no facts (DEC-10): its own fact, then the taint of the old authorities. The
 * store voids its join tokens with it; that the epoch is another makes every agent resync whole.
 */
export const draftNextEpoch = (
  keeper: Pick<AuthorityKeeper, 'views' | 'authorityPolicy' | 'clock' | 'trustDomain'>,
  { logId, epoch, size, root }: LogHead,
  known: KnownElsewhere,
  by: string,
): { readonly opened: EpochOpened; readonly more: readonly AuthorityChanged[] } => {
  const { trustDomain } = keeper;
  const next = nextEpoch(keeper, { logId, epoch, size, root }, known);
  const { reason } = known;
  return {
    opened: { kind: 'epoch-opened', trustDomain, logId, epoch: next, previous: { epoch, size, root }, reason, by },
    more: authoritiesToTaint(keeper).map(({ id, purpose }) => ({
      kind: 'authority-tainted',
      id,
      purpose,
      reason: 'restore',
      by,
    })),
  };
};
