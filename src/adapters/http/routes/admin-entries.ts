import { z } from 'zod';
import { createEntry } from '../../../usecases/create-entry.ts';
import { deleteEntry } from '../../../usecases/delete-entry.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import { countEntries, listEntries, showEntry } from '../../../usecases/read-entries.ts';
import { updateEntry } from '../../../usecases/update-entry.ts';
import type { EntryFilter } from '../../../ports/views.ts';
import { defineRoute, type Route } from '../route.ts';
import {
  ADMIN_LISTENERS,
  administer,
  expectedRevision,
  nextOf,
  pageOf,
  pageQuery,
  revisionTag,
  spiffeIdOf,
} from './administering.ts';
import { EntryAnswer, EntryBody, IdentifiedEntryBody, renderEntry } from './entry-schema.ts';

const filterQuery = {
  spiffeId: z.string().optional(),
  parentId: z.string().optional(),
  prefix: z.string().optional().describe('Whole path segments.'),
  selector: z.string().optional(),
  owner: z.string().optional(),
};

const Filter = z.strictObject(filterQuery);
const ListQuery = z.strictObject({ ...filterQuery, ...pageQuery });
const Params = z.strictObject({ id: z.string().min(1).max(128) });

const filterOf = (query: z.output<typeof Filter>): EntryFilter => {
  const spiffeId = spiffeIdOf(query.spiffeId, 'spiffeId');
  const parentId = spiffeIdOf(query.parentId, 'parentId');
  const prefix = spiffeIdOf(query.prefix, 'prefix');
  return {
    ...(spiffeId !== undefined && { spiffeId }),
    ...(parentId !== undefined && { parentId }),
    ...(prefix !== undefined && { prefix }),
    ...(query.selector !== undefined && { selector: query.selector }),
    ...(query.owner !== undefined && { owner: query.owner }),
  };
};

const entryAnswer = { status: 200, description: 'The entry; `ETag` is its revision.', schema: EntryAnswer } as const;

export const entryRoutes = (issuer: Issuer): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path: '/v1/admin/entries',
    listeners: ADMIN_LISTENERS,
    summary: 'Entries in order of id',
    access: { kind: 'admin', role: 'viewer' },
    query: ListQuery,
    answers: [
      {
        status: 200,
        description: 'One page.',
        schema: z.object({ entries: z.array(EntryAnswer), next: z.string().optional() }),
      },
    ],
    refusals: ['unauthenticated', 'forbidden'],
    handle: (context, { query: { after, limit, ...filter } }) =>
      administer(issuer, context, (admin) => {
        const page = pageOf({ after, limit });
        const entries = listEntries(issuer, admin, filterOf(filter), page);
        return { body: { entries: entries.map(renderEntry), ...nextOf(entries, page.limit, ({ id }) => id) } };
      }),
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/admin/entries/count',
    listeners: ADMIN_LISTENERS,
    summary: 'How many entries there are',
    access: { kind: 'admin', role: 'viewer' },
    query: Filter,
    answers: [{ status: 200, description: 'The number.', schema: z.object({ count: z.int() }) }],
    refusals: ['unauthenticated', 'forbidden'],
    handle: (context, { query }) =>
      administer(issuer, context, (admin) => ({ body: { count: countEntries(issuer, admin, filterOf(query)) } })),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/admin/entries',
    listeners: ADMIN_LISTENERS,
    summary: 'Create an entry',
    access: { kind: 'admin', role: 'registrar' },
    bodyKind: 'json',
    body: IdentifiedEntryBody,
    answers: [{ ...entryAnswer, status: 201 }],
    refusals: ['unauthenticated', 'forbidden', 'invalid_entry', 'conflict'],
    handle: (context, { body: { id, ...draft } }) =>
      administer(issuer, context, async (admin) => {
        const entry = await createEntry(issuer, admin, draft, id);
        const location = `/v1/admin/entries/${encodeURIComponent(entry.id)}`;
        return { status: 201, headers: { etag: revisionTag(entry), location }, body: renderEntry(entry) };
      }),
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/admin/entries/:id',
    listeners: ADMIN_LISTENERS,
    summary: 'One entry',
    access: { kind: 'admin', role: 'viewer' },
    params: Params,
    answers: [entryAnswer],
    refusals: ['unauthenticated', 'forbidden', 'not_found'],
    handle: (context, { params }) =>
      administer(issuer, context, (admin) => {
        const entry = showEntry(issuer, admin, params.id);
        return { headers: { etag: revisionTag(entry) }, body: renderEntry(entry) };
      }),
  }),
  defineRoute({
    method: 'PUT',
    path: '/v1/admin/entries/:id',
    listeners: ADMIN_LISTENERS,
    summary: 'Replace an entry’s fields',
    description: 'With `If-Match` only the revision that was seen is replaced. Writing what is there changes nothing.',
    access: { kind: 'admin', role: 'registrar' },
    params: Params,
    bodyKind: 'json',
    body: EntryBody,
    answers: [entryAnswer],
    refusals: ['unauthenticated', 'forbidden', 'not_found', 'invalid_entry', 'conflict', 'precondition_failed'],
    handle: (context, { params, body }) =>
      administer(issuer, context, async (admin) => {
        const update = { id: params.id, draft: body, expected: expectedRevision(context) };
        const entry = await updateEntry(issuer, admin, update);
        return { headers: { etag: revisionTag(entry) }, body: renderEntry(entry) };
      }),
  }),
  defineRoute({
    method: 'DELETE',
    path: '/v1/admin/entries/:id',
    listeners: ADMIN_LISTENERS,
    summary: 'Delete an entry',
    description: 'Nothing is issued under it from here on; what was issued lives out its life unless it is revoked.',
    access: { kind: 'admin', role: 'registrar' },
    params: Params,
    answers: [{ status: 204, description: 'It is gone.' }],
    refusals: ['unauthenticated', 'forbidden', 'not_found', 'precondition_failed'],
    handle: (context, { params }) =>
      administer(issuer, context, async (admin) => {
        await deleteEntry(issuer, admin, params.id, expectedRevision(context));
        return { status: 204 };
      }),
  }),
];
