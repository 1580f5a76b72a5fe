import type { AdminRole, EntryFields, Grant } from './entry.ts';
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
}

/** The reason stands in the log in clear (TL-15), so it names nobody and nothing. */
const outside = (admin: Administrator, reason: string, detail = reason): Refusal =>
  new Refusal('forbidden', detail, { reason: `beyond the rights of this ${admin.role}: ${reason}` });

/** Refuses with `forbidden` when `id` lies outside the administrator's prefix; whole path segments count. */
export const requireWithin = (admin: Administrator, id: SpiffeId): void => {
  if (admin.prefix === undefined || isPathPrefix(admin.prefix, id)) return;
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

/**
 * May this administrator turn `before` into `after`? Either is absent when an entry is created or deleted. Refuses with
 * `forbidden`: a registrar can neither reach beyond their prefix nor give rights that they could not have themselves
 * (DEC-28).
 */
export const requireMayWriteEntry = (
  admin: Administrator,
  before: EntryFields | undefined,
  after: EntryFields | undefined,
  resource: (identifier: string) => Resource | undefined,
): void => {
  for (const entry of [before, after]) {
    if (entry !== undefined) requireWithin(admin, entry.spiffeId);
    checkAdminGrant(admin, entry);
  }
  if (after?.downstream === true && before?.downstream !== true) requireOwner(admin, 'a downstream entry');
  for (const grant of after?.grants ?? []) {
    if (!before?.grants.some((held) => isSameGrant(held, grant))) checkGrant(admin, grant, resource(grant.resource));
  }
};
