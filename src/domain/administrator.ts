import { ADMIN_ROLES, type AdminRole, type EntryFields, type EntryRevision, type Grant } from './entry.ts';
import type { RecordId } from './record-id.ts';
import { Refusal } from './refusal.ts';
import type { Resource } from './resource.ts';
import { isPathPrefix, pathOf, type SpiffeId } from './spiffe-id.ts';

/** Someone who administers; the role itself was checked where the request came in (DEC-28). */
export interface Administrator {
  /** `uid:0`, or a SPIFFE ID: goes into `by` of facts. */
  readonly name: string;
  readonly role: AdminRole;
  /** What they may touch lies at or below it; absent: everything. */
  readonly prefix?: SpiffeId;
  /** They came over the local socket. */
  readonly local: boolean;
  /** The credential that they showed: what they write leans on it (DEC-4). */
  readonly credential?: RecordId;
  /** The entry that gives the role, as it was read: what they write leans on it too. */
  readonly rights?: EntryRevision;
}

/** Does `held` include what `needed` may do? viewer < revoker < registrar < owner (DEC-28). */
export const roleCovers = (held: AdminRole, needed: AdminRole): boolean =>
  ADMIN_ROLES.indexOf(held) >= ADMIN_ROLES.indexOf(needed);

/** The reason names nobody and nothing, so that denials of one kind count together (DEC-5). */
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

/** The ID of the trust domain as a prefix is as good as none. */
const isEverywhere = ({ prefix }: Administrator): boolean => prefix === undefined || pathOf(prefix) === '';

/** Refuses with `forbidden` unless the administrator may touch everything: for what has no SPIFFE ID of its own. */
export const requireEverywhere = (admin: Administrator): void => {
  if (!isEverywhere(admin)) throw outside(admin, 'this needs an admin role without a prefix');
};

const requireOwner = (admin: Administrator, what: string): void => {
  if (admin.role !== 'owner') throw outside(admin, `${what} needs the role owner`);
};

/** Making and unmaking administrators: for owners only, within their prefix, and owners only over the local socket. */
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

/** What deciding about an entry needs to know of others. */
export interface EntrySurroundings {
  readonly resource: (identifier: string) => Resource | undefined;
  readonly administratorsUnder: (parent: SpiffeId) => readonly EntryFields[];
}

/** Whoever chooses the nodes of a parent chooses who gets the identities under it. */
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
