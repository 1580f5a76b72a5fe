import { Refusal } from '../../../domain/refusal.ts';
import type { Caller } from '../../../usecases/authenticate-caller.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import { recordDenial } from '../../../usecases/record-denial.ts';
import type { RouteContext } from '../route.ts';

/** The caller, where only agents may call. Refuses others with `forbidden`, on record (P1). */
export const agentOf = async (
  issuer: Pick<Issuer, 'clock' | 'entropy' | 'ledger' | 'denials'>,
  context: Pick<RouteContext, 'caller' | 'operation' | 'source'>,
): Promise<Caller> => {
  const caller = await context.caller();
  if (caller.role === 'agent') return caller;
  const refusal = new Refusal('forbidden', 'this is for agents', {
    reason: `the caller is no agent but ${caller.role}`,
  });
  const { operation, source } = context;
  throw await recordDenial(issuer, { operation, source, caller: caller.serial, spiffeId: caller.spiffeId }, refusal);
};
