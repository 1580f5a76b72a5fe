import type { Admin, RouteContext } from './route.ts';

/** The admin of a route with admin access. Its absence is a mistake in the route table. */
export const adminOf = (context: RouteContext): Admin => {
  if (!context.admin) throw new Error('a handler asked for the admin of a route without admin access');
  return context.admin;
};
