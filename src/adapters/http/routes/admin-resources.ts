import { z } from 'zod';
import type { Issuer } from '../../../usecases/issuer.ts';
import {
  createResource,
  deleteResource,
  listResources,
  showResource,
  updateResource,
} from '../../../usecases/manage-resources.ts';
import { defineRoute, type Route } from '../route.ts';
import { ADMIN_LISTENERS, administer, expectedRevision, revisionTag } from './administering.ts';
import { ResourceAnswer, ResourceBody } from './resource-schema.ts';

const Params = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(2048)
    .describe('The identifier, percent-encoded as one segment; reading takes a logical name too.'),
});

const answer = { status: 200, description: 'The resource; `ETag` is its revision.', schema: ResourceAnswer } as const;

export const resourceRoutes = (issuer: Issuer): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path: '/v1/admin/resources',
    listeners: ADMIN_LISTENERS,
    summary: 'All resources',
    access: { kind: 'admin', role: 'viewer' },
    answers: [{ status: 200, description: 'The resources.', schema: z.object({ resources: z.array(ResourceAnswer) }) }],
    refusals: ['unauthenticated', 'forbidden'],
    handle: () => ({ body: { resources: listResources(issuer) } }),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/admin/resources',
    listeners: ADMIN_LISTENERS,
    summary: 'Create a resource',
    access: { kind: 'admin', role: 'registrar' },
    bodyKind: 'json',
    body: ResourceBody,
    answers: [{ ...answer, status: 201 }],
    refusals: ['unauthenticated', 'forbidden', 'invalid_resource', 'conflict'],
    handle: (context, { body }) =>
      administer(issuer, context, async (admin) => {
        const resource = await createResource(issuer, admin, body);
        const location = `/v1/admin/resources/${encodeURIComponent(resource.identifier)}`;
        return { status: 201, headers: { etag: revisionTag(resource), location }, body: resource };
      }),
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/admin/resources/:name',
    listeners: ADMIN_LISTENERS,
    summary: 'One resource, by identifier or logical name',
    access: { kind: 'admin', role: 'viewer' },
    params: Params,
    answers: [answer],
    refusals: ['unauthenticated', 'forbidden', 'not_found'],
    handle: (_context, { params }) => {
      const resource = showResource(issuer, params.name);
      return { headers: { etag: revisionTag(resource) }, body: resource };
    },
  }),
  defineRoute({
    method: 'PUT',
    path: '/v1/admin/resources/:name',
    listeners: ADMIN_LISTENERS,
    summary: 'Replace a resource’s fields',
    description: 'With `If-Match` only the revision that was seen is replaced. The identifier stays.',
    access: { kind: 'admin', role: 'registrar' },
    params: Params,
    bodyKind: 'json',
    body: ResourceBody.omit({ identifier: true }),
    answers: [answer],
    refusals: ['unauthenticated', 'forbidden', 'not_found', 'invalid_resource', 'conflict', 'precondition_failed'],
    handle: (context, { params, body }) =>
      administer(issuer, context, async (admin) => {
        const draft = { ...body, identifier: params.name };
        const resource = await updateResource(issuer, admin, draft, expectedRevision(context));
        return { headers: { etag: revisionTag(resource) }, body: resource };
      }),
  }),
  defineRoute({
    method: 'DELETE',
    path: '/v1/admin/resources/:name',
    listeners: ADMIN_LISTENERS,
    summary: 'Delete a resource that no entry grants',
    access: { kind: 'admin', role: 'registrar' },
    params: Params,
    answers: [{ status: 204, description: 'It is gone.' }],
    refusals: ['unauthenticated', 'forbidden', 'not_found', 'conflict', 'precondition_failed'],
    handle: (context, { params }) =>
      administer(issuer, context, async (admin) => {
        await deleteResource(issuer, admin, params.name, expectedRevision(context));
        return { status: 204 };
      }),
  }),
];
