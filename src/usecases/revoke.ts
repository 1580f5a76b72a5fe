import type { Administrator } from '../domain/administrator.ts';
import { newRecordId } from '../domain/record-id.ts';
import { reasonFor, type RevocationMode, type RevocationReason } from '../domain/revocation-reason.ts';
import type { Predicate, Revocation, RevocationTarget } from '../domain/revocation.ts';
import { record } from './admin-write.ts';
import type { Issuer } from './issuer.ts';
import { inForceFor, requireTargetWithin, resolveTarget } from './revocation-target.ts';
import { credentialFilters } from './revoked-credentials.ts';

type Revoker = Pick<Issuer, 'clock' | 'entropy' | 'ledger' | 'views' | 'follower' | 'policy'>;

export interface RevokeRequest {
  readonly target: RevocationTarget;
  readonly mode: RevocationMode;
  /** `unspecified` when absent, `certificate_hold` for a hold. */
  readonly reason?: RevocationReason | undefined;
}

export interface RevokeOutcome {
  readonly revocation: Revocation;
  /** False: an equal one was in force already and nothing was recorded. */
  readonly recorded: boolean;
}

/** A single credential is never issued again, so there is nothing to block: it is cut off or held. */
const predicatesOf = ({ target, mode }: RevokeRequest): readonly Predicate[] => {
  if (mode === 'hold') return ['hold'];
  return mode === 'reissue' || target.kind === 'credential' ? ['cutoff'] : ['cutoff', 'block'];
};

/** How many of the newest credentials are looked at: ids are drawn before their facts are recorded, so order is not exact. */
const NEWEST = 256;

const isIssuedSince = (issuer: Revoker, { target, index }: Revocation): boolean =>
  credentialFilters(target).some((filter) =>
    issuer.views.credentials.list(filter, { limit: NEWEST }).some((row) => row.index > index),
  );

/** Does a revocation in force say the same? Without a reason given, any reason is the same. */
const isEqual = (held: Revocation, predicates: readonly Predicate[], reason: string | undefined): boolean =>
  (reason === undefined || held.reason === reason) &&
  held.predicates.length === predicates.length &&
  predicates.every((one) => held.predicates.includes(one));

/** Nothing is issued after a block or a hold, so only for a bare cutoff is it looked at what was issued since. */
const findEqual = (
  issuer: Revoker,
  target: RevocationTarget,
  predicates: readonly Predicate[],
  reason: string | undefined,
): Revocation | undefined =>
  inForceFor(issuer, target).find(
    (held) =>
      isEqual(held, predicates, reason) &&
      (predicates.includes('block') || predicates.includes('hold') || !isIssuedSince(issuer, held)),
  );

/**
 * Revokes (DEC-6). When it resolves the revocation is durable, and nothing for its target is issued after it (P2).
 * Idempotent: an equal revocation in force, with nothing issued since, is given back and nothing is recorded. Refuses with
 * `invalid_request`, `not_found`, or `forbidden` beyond the administrator's prefix.
 */
export const revoke = async (issuer: Revoker, admin: Administrator, request: RevokeRequest): Promise<RevokeOutcome> => {
  const target = resolveTarget(issuer, request.target);
  requireTargetWithin(issuer, admin, target);
  const reason = reasonFor(request.mode, request.reason);
  const predicates = predicatesOf(request);
  const equal = findEqual(issuer, target, predicates, request.reason);
  if (equal) return { revocation: equal, recorded: false };
  const id = newRecordId(issuer.clock.now(), issuer.entropy);
  const { index, time } = await record(issuer, [{ kind: 'revoked', id, target, predicates, reason, by: admin.name }]);
  issuer.follower.refresh();
  return { revocation: { id, target, predicates, index, at: time, reason }, recorded: true };
};
