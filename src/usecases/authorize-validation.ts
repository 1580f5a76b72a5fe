import { isPathPrefix, type SpiffeId } from '../domain/spiffe-id.ts';
import type { Caller } from './authenticate-caller.ts';
import { adminOf } from './entitlement.ts';
import type { Issuer } from './issuer.ts';
import type { Validation } from './validate-credential.ts';

type Reader = Pick<Issuer, 'views' | 'clock'>;

const administers = (issuer: Reader, caller: Caller, id: SpiffeId): boolean => {
  const admin = adminOf(issuer, caller);
  return admin !== undefined && isPathPrefix(admin.prefix, id);
};

/** A token is meant for a caller that its audience names, or that owns the resource which the audience names. */
const isMeantFor = (issuer: Reader, caller: Caller, audience: string): boolean =>
  audience === caller.spiffeId || issuer.views.resources.get(audience)?.owners.includes(caller.spiffeId) === true;

/**
 * Who may learn the status of a credential (DEC-31): its holder, those whom a token is meant for, and administrators of its
 * SPIFFE ID. Nothing is learnt from `unknown`, so anyone may hear it.
 */
export const mayHearOf = (issuer: Reader, caller: Caller, validation: Validation): boolean => {
  const { status, spiffeId, audience = [] } = validation;
  if (status === 'unknown' || spiffeId === undefined) return true;
  if (spiffeId === caller.spiffeId || administers(issuer, caller, spiffeId)) return true;
  return audience.some((one) => isMeantFor(issuer, caller, one));
};
