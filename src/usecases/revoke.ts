import type { Administrator } from '../domain/administrator.ts';
import { newRecordId } from '../domain/record-id.ts';
import { reasonFor, type RevocationMode, type RevocationReason } from '../domain/revocation-reason.ts';
import type { Predicate, Revocation, RevocationTarget } from '../domain/revocation.ts';
import { record } from './admin-write.ts';
import type { Issuer } from './issuer.ts';
import { credentialFilters, inForceFor } from './preview-revocation.ts';
import { requireTargetWithin, resolveTarget } from './revocation-target.ts';

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

/** One credential has no successors of its own to stop: it is cut off or held. */
const predicatesOf = ({ target, mode }: RevokeRequest): readonly Predicate[] => {
  if (mode === 'hold') return ['hold'];
  return mode === 'reissue' || target.kind === 'credential' ? ['cutoff'] : ['cutoff', 'block'];
};

/** How many of the newest credentials are asked for their place: ids are made just before they are recorded, out of order. */
const NEWEST = 256;

const isIssuedSince = (issuer: Revoker, { target, index }: Revocation): boolean =>
  credentialFilters(target).some((filter) =>
    issuer.views.credentials.list(filter, { limit: NEWEST }).some((row) => row.index > index),
  );

/** Whoever names no reason adds nothing to the one on record. */
const isEqual = (held: Revocation, predicates: readonly Predicate[], reason: string | undefined): boolean =>
  (reason === undefined || held.reason === reason) &&
  held.predicates.length === predicates.length &&
  predicates.every((one) => held.predicates.includes(one));

/** A block or a hold lets nothing be issued after it, so only a bare cutoff has to look. */
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
