import { requireEverywhere, type Administrator } from '../domain/administrator.ts';
import type { Entry } from '../domain/entry.ts';
import type { ResourceDeleted, ResourceWritten } from '../domain/fact.ts';
import { Refusal, problemsRefusal } from '../domain/refusal.ts';
import { checkResource, type ResourceContext, type ResourceDraft } from '../domain/resource-rules.ts';
import type { Resource, ResourceFields } from '../domain/resource.ts';
import { adminLeans, isSame, record, requireRevision, type AdminIssuer } from './admin-write.ts';
import type { Issuer } from './issuer.ts';
import { readAll } from './slices.ts';

/** What the rules about resources need to know of this server. */
export const resourceContext = ({ policy, views }: Pick<Issuer, 'policy' | 'views'>): ResourceContext => ({
  trustDomain: policy.trustDomain,
  named: (name) => views.resources.named(name),
  rs256: policy.rs256 === true,
});

/** The resource as it will be recorded. Refuses with `invalid_resource` and all problems. */
const requireResource = (issuer: Pick<Issuer, 'policy' | 'views'>, draft: ResourceDraft): ResourceFields => {
  const checked = checkResource(draft, resourceContext(issuer));
  if (!checked.ok) throw problemsRefusal('invalid_resource', checked.problems);
  return checked.value;
};

/** The fact that writes a resource: the revision after `before`'s, or after the last that was ever given to its identifier. */
export const resourceWrite = (
  issuer: Pick<Issuer, 'views'>,
  admin: Administrator,
  fields: ResourceFields,
  before: Resource | undefined,
): ResourceWritten => ({
  kind: before ? 'resource-updated' : 'resource-created',
  resource: { ...fields, revision: (before?.revision ?? issuer.views.resources.lastRevision(fields.identifier)) + 1 },
  by: admin.name,
  leans: adminLeans(admin, before && { resource: { identifier: before.identifier, revision: before.revision } }),
});

/** The fact that deletes a resource. */
export const resourceDeletion = (admin: Administrator, { identifier, revision }: Resource): ResourceDeleted => ({
  kind: 'resource-deleted',
  identifier,
  by: admin.name,
  leans: adminLeans(admin, { resource: { identifier, revision } }),
});

/** What an operator wrote of a resource, without what the ledger added. */
export const resourceFieldsOf = (resource: Resource): ResourceFields => {
  const { revision: _revision, ...fields } = resource;
  return fields;
};

const held = (issuer: Pick<Issuer, 'views'>, identifier: string): Resource => {
  const resource = issuer.views.resources.get(identifier);
  if (!resource) throw new Refusal('not_found', 'no resource has this identifier');
  return resource;
};

/** Refuses with `invalid_resource`, `conflict` for a known identifier, `forbidden` for an administrator with a prefix. */
export const createResource = async (
  issuer: AdminIssuer,
  admin: Administrator,
  draft: ResourceDraft,
): Promise<Resource> => {
  requireEverywhere(admin);
  const fields = requireResource(issuer, draft);
  if (issuer.views.resources.get(fields.identifier)) {
    throw new Refusal('conflict', 'there is a resource with this identifier', { field: 'identifier' });
  }
  const fact = resourceWrite(issuer, admin, fields, undefined);
  await record(issuer, [fact]);
  return fact.resource;
};

/**
 * Replaces a resource's fields; writing what is there records nothing. A scope that is taken away is no longer given to
 * entries that hold it. Refuses as `createResource` does, with `not_found`, and with `precondition_failed`.
 */
export const updateResource = async (
  issuer: AdminIssuer,
  admin: Administrator,
  draft: ResourceDraft,
  expected?: number,
): Promise<Resource> => {
  requireEverywhere(admin);
  const before = held(issuer, draft.identifier);
  requireRevision(before, expected);
  const fields = requireResource(issuer, draft);
  if (isSame(fields, resourceFieldsOf(before))) return before;
  const fact = resourceWrite(issuer, admin, fields, before);
  await record(issuer, [fact]);
  return fact.resource;
};

const PAGE = 500;

/** Every entry that grants something at the resource. Reads all entries: for the rare deletion of a resource only. */
export const entriesGranting = ({ views }: Pick<Issuer, 'views'>, identifier: string): IteratorObject<Entry> =>
  readAll(
    (page) => views.entries.list({}, page),
    ({ id }) => id,
    { limit: PAGE },
  ).filter((entry) => entry.grants.some((grant) => grant.resource === identifier));

const NAMED = 5;

/**
 * Deletes a resource: no token names it from here on. Refuses with `conflict` while an entry grants it, since a later
 * resource of the same identifier would find its grants waiting; also `not_found`, `forbidden`, `precondition_failed`.
 */
export const deleteResource = async (
  issuer: AdminIssuer,
  admin: Administrator,
  identifier: string,
  expected?: number,
): Promise<void> => {
  requireEverywhere(admin);
  const resource = held(issuer, identifier);
  requireRevision(resource, expected);
  const granting = [...entriesGranting(issuer, identifier).take(NAMED)].map(({ id }) => id);
  if (granting.length > 0) throw new Refusal('conflict', `entries still grant this resource: ${granting.join(', ')}`);
  await record(issuer, [resourceDeletion(admin, resource)]);
};

/** By identifier or logical name. Refuses with `not_found`. */
export const showResource = (issuer: Pick<Issuer, 'views'>, name: string): Resource => {
  const resource = issuer.views.resources.named(name);
  if (!resource) throw new Refusal('not_found', 'no resource has this identifier or name');
  return resource;
};

export const listResources = (issuer: Pick<Issuer, 'views'>): readonly Resource[] => issuer.views.resources.list();
