import { ADMIN_ROLES, type AdminRole, type EntryFields, type EntryRevision, type Grant } from './entry.ts';
import type { RecordId } from './record-id.ts';
import { Refusal } from './refusal.ts';
import type { Resource } from './resource.ts';
import { isPathPrefix, pathOf, type SpiffeId } from './spiffe-id.ts';

/** Whoever administers. That their role covers the operation was checked where the request came in (DEC-28). */
export interface Administrator {
  /** `uid:0` or a SPIFFE ID: what facts name in `by`. */
  readonly name: string;
  readonly role: AdminRole;
  /** They may touch only what lies at or below it; without one, everything. */
  readonly prefix?: SpiffeId;
  /** Whether they came over the local socket. */
  readonly local: boolean;
  /** The credential that they showed: what they write leans on it (DEC-4). */
  readonly credential?: RecordId;
  /** The entry that gives the role, as it was read: what they write leans on it too. */
  readonly rights?: EntryRevision;
}

/** Whether the role `held` may do all that `needed` may: viewer < revoker < registrar < owner (DEC-28). */
export const roleCovers = (held: AdminRole, needed: AdminRole): boolean =>
  ADMIN_ROLES.indexOf(held) >= ADMIN_ROLES.indexOf(needed);

/** The recorded reason names nobody and nothing, so that denials of one kind are counted together (DEC-5). */
const outside = (admin: Administrator, reason: string, detail = reason): Refusal =>
  new Refusal('forbidden', detail, { reason: `beyond the rights of this ${admin.role}: ${reason}` });

/** Whether `id` lies within the administrator's prefix; whole path segments count. */
export const isWithin = ({ prefix }: Pick<Administrator, 'prefix'>, id: SpiffeId): boolean =>
  prefix === undefined || isPathPrefix(prefix, id);

/** Refuses with `forbidden` when `id` lies outside the administrator's prefix; whole path segments count. */
export const requireWithin = (admin: Administrator, id: SpiffeId): void => {
  if (isWithin(admin, id)) return;
  throw outside(admin, 'this lies outside the prefix of the admin role');
};

/**
 * The prefix below which to search: the administrator's own or the one asked for, whichever is narrower. Refuses with
 * `forbidden` when they have nothing in common.
 */
export const visiblePrefix = (admin: Administrator, asked: SpiffeId | undefined): SpiffeId | undefined => {
  if (admin.prefix === undefined || asked === undefined) return asked ?? admin.prefix;
  if (isPathPrefix(asked, admin.prefix)) return admin.prefix;
  requireWithin(admin, asked);
  return asked;
};

/** The ID of the trust domain covers everything, as no prefix does. */
const isEverywhere = ({ prefix }: Administrator): boolean => prefix === undefined || pathOf(prefix) === '';

/** Refuses with `forbidden` unless the administrator may touch everything: for what has no SPIFFE ID of its own. */
export const requireEverywhere = (admin: Administrator): void => {
  if (!isEverywhere(admin)) throw outside(admin, 'this needs an admin role without a prefix');
};

const requireOwner = (admin: Administrator, what: string): void => {
  if (admin.role !== 'owner') throw outside(admin, `${what} needs the role owner`);
};

/** Only an owner makes or unmakes an administrator, within their own prefix, and makes an owner only over the local socket. */
const checkAdminGrant = (admin: Administrator, entry: EntryFields | undefined): void => {
  if (entry?.admin === undefined) return;
  requireOwner(admin, 'an entry that makes an administrator');
  requireWithin(admin, entry.admin.prefix);
  if (entry.admin.role === 'owner' && !admin.local) {
    throw outside(admin, 'an entry that makes an owner is written over the local socket only');
  }
};

const isSameGrant = (a: Grant, b: Grant): boolean =>
  a.resource === b.resource &&
  a.bearer === b.bearer &&
  a.maxTtl === b.maxTtl &&
  `${a.scopes.join(' ')}|${a.defaultScopes?.join(' ')}` === `${b.scopes.join(' ')}|${b.defaultScopes?.join(' ')}`;

/** Below a prefix, rights are given only at resources that have an owner below it; what was given before may stay. */
const checkGrant = (admin: Administrator, grant: Grant, resource: Resource | undefined): void => {
  const { prefix } = admin;
  if (prefix === undefined || isEverywhere(admin) || resource?.owners.some((owner) => isPathPrefix(prefix, owner)))
    return;
  const reason = 'a granted resource has no owner below the prefix';
  throw outside(admin, reason, `the resource ${grant.resource} has no owner below your prefix`);
};

/** What else `requireMayWriteEntry` has to look up. */
export interface EntrySurroundings {
  readonly resource: (identifier: string) => Resource | undefined;
  readonly administratorsUnder: (parent: SpiffeId) => readonly EntryFields[];
}

/** Whoever decides which nodes a parent has decides who gets the identities under it, an administrator's too. */
const checkAdministratorsUnder = (
  admin: Administrator,
  parent: SpiffeId,
  { administratorsUnder }: Pick<EntrySurroundings, 'administratorsUnder'>,
): void => {
  for (const entry of administratorsUnder(parent)) checkAdminGrant(admin, entry);
};

/**
 * May this administrator let somebody become what the entry gives, whatever its selectors say? Refuses with `forbidden`
 * beyond their prefix and for an entry that they could not write: a registrar makes no administrator that way either.
 */
export const requireMayGiveEntry = (admin: Administrator, entry: EntryFields): void => {
  requireWithin(admin, entry.spiffeId);
  checkAdminGrant(admin, entry);
};

/** May this administrator let somebody become this agent? Refuses with `forbidden` as `requireMayGiveEntry` does. */
export const requireMayGiveAgent = (
  admin: Administrator,
  agent: SpiffeId,
  surroundings: Pick<EntrySurroundings, 'administratorsUnder'>,
): void => {
  requireWithin(admin, agent);
  checkAdministratorsUnder(admin, agent, surroundings);
};

/**
 * May this administrator turn `before` into `after`? Either is absent when an entry is created or deleted. Refuses with
 * `forbidden`: a registrar can neither reach beyond their prefix nor give rights that they could not have themselves, nor
 * change which nodes an administrator's entry hangs under (DEC-28).
 */
export const requireMayWriteEntry = (
  admin: Administrator,
  before: EntryFields | undefined,
  after: EntryFields | undefined,
  surroundings: EntrySurroundings,
): void => {
  const { resource } = surroundings;
  if (after !== undefined) checkAdministratorsUnder(admin, after.spiffeId, surroundings);
  for (const entry of [before, after]) {
    if (entry !== undefined) requireWithin(admin, entry.spiffeId);
    checkAdminGrant(admin, entry);
  }
  if (after?.downstream === true) requireOwner(admin, 'a downstream entry');
  for (const grant of after?.grants ?? []) {
    if (!before?.grants.some((held) => isSameGrant(held, grant))) checkGrant(admin, grant, resource(grant.resource));
  }
};
