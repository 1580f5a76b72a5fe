import { ADMIN_ROLES } from '../../domain/entry.ts';
import type { AdminRole } from '../../domain/entry.ts';
import { Refusal } from '../../domain/refusal.ts';
import { isPathPrefix } from '../../domain/spiffe-id.ts';
import type { SpiffeId } from '../../domain/spiffe-id.ts';
import type { Admin, RouteContext } from './route.ts';

/** Does `held` include what `needed` may do? viewer < revoker < registrar < owner (DEC-28). */
export const roleCovers = (held: AdminRole, needed: AdminRole): boolean =>
  ADMIN_ROLES.indexOf(held) >= ADMIN_ROLES.indexOf(needed);

/** The admin of a route with admin access. Its absence is a mistake in the route table. */
export const adminOf = (context: RouteContext): Admin => {
  if (!context.admin) throw new Error('a handler asked for the admin of a route without admin access');
  return context.admin;
};

/** Refuses with `forbidden` when `spiffeId` lies outside what this admin may touch; whole path segments count. */
export const requireWithin = (admin: Admin, spiffeId: SpiffeId): void => {
  if (admin.prefix === undefined || isPathPrefix(admin.prefix, spiffeId)) return;
  throw new Refusal('forbidden', 'this lies outside the prefix of your admin role', {
    reason: `${admin.name} may touch only what lies below ${admin.prefix}`,
  });
};

/** Refuses with `forbidden` unless this admin may touch everything: for what has no SPIFFE ID, like authorities. */
export const requireEverywhere = (admin: Admin): void => {
  if (admin.prefix === undefined) return;
  throw new Refusal('forbidden', 'this needs an admin role without a prefix', {
    reason: `${admin.name} may touch only what lies below ${admin.prefix}`,
  });
};
