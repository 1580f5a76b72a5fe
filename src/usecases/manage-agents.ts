import { requireWithin, type Administrator } from '../domain/administrator.ts';
import { Refusal } from '../domain/refusal.ts';
import type { RevocationReason } from '../domain/revocation-reason.ts';
import type { Revocation } from '../domain/revocation.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { Issuer } from './issuer.ts';
import { releaseRevocation } from './release-revocation.ts';
import { revoke, type RevokeOutcome } from './revoke.ts';

type Manager = Pick<Issuer, 'clock' | 'entropy' | 'ledger' | 'views' | 'follower' | 'policy'>;

/** DEC-6: all that came through the agent is dead, and neither it nor anything under it gets more until released. */
export const banAgent = (
  issuer: Manager,
  admin: Administrator,
  agent: SpiffeId,
  reason?: RevocationReason,
): Promise<RevokeOutcome> => revoke(issuer, admin, { target: { kind: 'agent', value: agent }, mode: 'revoke', reason });

/** All that came through the agent is dead; it may attest again (IR-03). */
export const evictAgent = (
  issuer: Manager,
  admin: Administrator,
  agent: SpiffeId,
  reason?: RevocationReason,
): Promise<RevokeOutcome> =>
  revoke(issuer, admin, { target: { kind: 'agent', value: agent }, mode: 'reissue', reason });

const isLockOn = (held: Revocation, agent: SpiffeId): boolean =>
  held.predicates.includes('lock') && held.target.value === agent;

/** Ends the lock that a clone left (DEC-12): the identity may renew again. Refuses with `conflict` when there is none. */
export const unlockAgent = async (
  issuer: Manager,
  admin: Administrator,
  agent: SpiffeId,
): Promise<readonly Revocation[]> => {
  requireWithin(admin, agent);
  const locks = issuer.views.revocations.active().filter((held) => isLockOn(held, agent));
  if (locks.length === 0) throw new Refusal('conflict', 'this agent is not locked');
  for (const lock of locks) await releaseRevocation(issuer, admin, lock.id);
  return locks;
};
