import { Refusal } from '../../domain/refusal.ts';
import { authenticateCaller, CallerMemory, CallerRefusal } from '../../usecases/authenticate-caller.ts';
import type { Caller } from '../../usecases/authenticate-caller.ts';
import { adminOf } from '../../usecases/entitlement.ts';
import type { Issuer } from '../../usecases/issuer.ts';
import { recordDenial } from '../../usecases/record-denial.ts';
import type { CallerChecks } from './request-context.ts';
import type { Admin } from './route.ts';

const requireAdmin = (issuer: Pick<Issuer, 'clock' | 'views'>, caller: Caller): Admin => {
  const admin = adminOf(issuer, caller);
  if (admin === undefined) {
    throw new Refusal('forbidden', 'this identity administers nothing', { reason: 'its entry gives no admin role' });
  }
  return { name: caller.spiffeId, ...admin };
};

/** The checks of a front end's `api` listener; `memory` serves no other. Whatever they refuse is on record first (P1). */
export const callerChecks = (
  issuer: Pick<Issuer, 'clock' | 'entropy' | 'policy' | 'views' | 'follower' | 'ledger' | 'denials'>,
  memory = new CallerMemory(),
): CallerChecks => {
  return {
    caller: async (presented, { operation, source }) => {
      try {
        return await authenticateCaller(issuer, memory, presented);
      } catch (error) {
        if (!(error instanceof CallerRefusal)) throw error;
        throw await recordDenial(issuer, { ...error.subject, operation, source }, error);
      }
    },
    admin: async (caller, { operation, source }) => {
      try {
        return requireAdmin(issuer, caller);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        const subject = { operation, source, spiffeId: caller.spiffeId, caller: caller.serial };
        throw await recordDenial(issuer, subject, error);
      }
    },
    refuse: (refusal, { operation, source }) => recordDenial(issuer, { operation, source }, refusal),
  };
};
