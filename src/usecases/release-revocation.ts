import type { Administrator } from '../domain/administrator.ts';
import type { RecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import type { Revocation } from '../domain/revocation.ts';
import { record } from './admin-write.ts';
import type { Issuer } from './issuer.ts';
import { requireTargetWithin } from './revocation-target.ts';

type Releaser = Pick<Issuer, 'ledger' | 'views' | 'follower' | 'policy'>;

export interface ReleaseOutcome {
  /** What is left of it: a cutoff stays. */
  readonly left: Revocation | undefined;
  /** False: it had been released before. */
  readonly recorded: boolean;
}

/** Something of it was taken back before: it said more than what is in force now. */
const saidMore = (issuer: Releaser, held: Revocation): boolean => {
  const predicates = issuer.views.log.at(held.index)?.clear['predicates'];
  return Array.isArray(predicates) && predicates.length > held.predicates.length;
};

const wasReleased = (issuer: Releaser, id: RecordId): boolean => {
  const index = issuer.views.log.find(id);
  return index !== undefined && issuer.views.log.at(index)?.kind === 'revoked';
};

/**
 * Takes back the block, hold or lock of a revocation; its cutoff is final (DEC-6). Releasing twice records nothing. Refuses
 * with `not_found`, with `conflict` when there is only a cutoff, with `forbidden` beyond the administrator's prefix.
 */
export const releaseRevocation = async (
  issuer: Releaser,
  admin: Administrator,
  id: RecordId,
): Promise<ReleaseOutcome> => {
  const held = issuer.views.revocations.get(id);
  if (!held) {
    if (wasReleased(issuer, id)) return { left: undefined, recorded: false };
    throw new Refusal('not_found', 'there is no revocation with this id');
  }
  requireTargetWithin(issuer, admin, held.target);
  if (held.predicates.every((predicate) => predicate === 'cutoff')) {
    if (saidMore(issuer, held)) return { left: held.predicates.length > 0 ? held : undefined, recorded: false };
    throw new Refusal('conflict', 'a cutoff is final: it cannot be released');
  }
  await record(issuer, [{ kind: 'revocation-released', id, by: admin.name }]);
  issuer.follower.refresh();
  const left: Revocation | undefined = held.predicates.includes('cutoff')
    ? { ...held, predicates: ['cutoff'] }
    : undefined;
  return { left, recorded: true };
};
