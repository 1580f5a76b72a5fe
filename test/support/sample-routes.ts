import { z } from 'zod';
import { defineRoute } from '../../src/adapters/http/route.ts';
import type { Route } from '../../src/adapters/http/route.ts';
import type { Answered } from './http.ts';

/** One route for each kind of body, for tests of what stands in front of every route. */
export const sampleRoutes = (onHandle: () => void = () => undefined): readonly Route[] => [
  defineRoute({
    method: 'POST',
    path: '/things/:id',
    listeners: ['api'],
    summary: 'a JSON body',
    access: { kind: 'none' },
    bodyKind: 'json',
    body: z.strictObject({ name: z.string(), tags: z.array(z.object({ key: z.string().min(1) })).optional() }),
    query: z.object({ limit: z.coerce.number().int().max(10).optional() }),
    params: z.object({ id: z.string().regex(/^[a-z]+$/) }),
    answers: [{ status: 201, description: 'made' }],
    refusals: [],
    handle: (_context, { body, query, params }) => {
      onHandle();
      return { status: 201, headers: { etag: '"1"' }, body: { ...body, ...query, ...params } };
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/form',
    listeners: ['api'],
    summary: 'a form',
    access: { kind: 'none' },
    bodyKind: 'form',
    body: z.object({ a: z.string(), many: z.array(z.string()).optional() }),
    repeatable: ['many'],
    errorStyle: 'oauth',
    answers: [],
    refusals: [],
    handle: (_context, { body }) => ({ body }),
  }),
  defineRoute({
    method: 'POST',
    path: '/raw',
    listeners: ['api'],
    summary: 'octets',
    access: { kind: 'none' },
    bodyKind: 'raw',
    contentTypes: ['application/ocsp-request'],
    maxBytes: 16,
    answers: [],
    refusals: [],
    handle: (_context, { body }) => ({ body: body.subarray(1), contentType: 'application/ocsp-response' }),
  }),
  defineRoute({
    method: 'DELETE',
    path: '/nothing',
    listeners: ['api'],
    summary: 'no content',
    access: { kind: 'none' },
    answers: [],
    refusals: [],
    handle: () => ({}),
  }),
];

/** The problem document of a refusal (RFC 9457). */
export const expectProblem = (answer: Answered, status: number, code: string): void => {
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.json()).toMatchObject({ status, code, type: `urn:mayfly:problem:${code}` });
};
