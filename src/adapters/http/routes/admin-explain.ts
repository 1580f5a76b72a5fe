import { z } from 'zod';
import { requireEverywhere } from '../../../domain/administrator.ts';
import { formatCursor, parseCursor } from '../../../formats/cursor.ts';
import { explain } from '../../../usecases/explain.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import { readChanges } from '../../../usecases/read-changes.ts';
import { defineRoute, type Route } from '../route.ts';
import { StatusAnswer } from './admin-credentials.ts';
import { ADMIN_LISTENERS, administer, pageOf, pageQuery, recordIdOf, recordIdParam } from './administering.ts';
import { renderRevocation, RevocationAnswer } from './revocation-schema.ts';

const Explanation = z.object({
  id: z.string(),
  kind: z.string(),
  summary: z.string().describe('One sentence.'),
  place: z.object({
    epoch: z.int(),
    index: z.int(),
    leafHash: z.string().describe('Hexadecimal.'),
    time: z.iso.datetime(),
    size: z.int().describe('Of the log as it is now.'),
    root: z.string(),
  }),
  erased: z.boolean().describe('The details were erased; what is left is what the leaf holds in clear.'),
  clear: z.record(z.string(), z.unknown()),
  fact: z.record(z.string(), z.unknown()).optional(),
  leansOn: z.array(z.object({ what: z.string(), id: z.string(), revision: z.int().optional(), now: z.string() })),
  status: StatusAnswer.optional(),
  revocations: z.array(RevocationAnswer).optional().describe('What stood in the way.'),
  nearest: z
    .array(
      z.object({
        id: z.string(),
        spiffeId: z.string(),
        matching: z.array(z.string()),
        missing: z.array(z.string()),
        obstacles: z.array(z.string()),
      }),
    )
    .optional()
    .describe('The entries that came nearest.'),
});

const Changes = z.object({
  changes: z.array(z.object({ cursor: z.string(), kind: z.string(), subject: z.string() })),
  cursor: z.string().describe('Where to go on: the next `after`.'),
});

export const explainRoutes = (issuer: Issuer): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path: '/v1/admin/explain/:id',
    listeners: ADMIN_LISTENERS,
    summary: 'Why a decision came out as it did',
    access: { kind: 'admin', role: 'viewer' },
    params: recordIdParam,
    answers: [{ status: 200, description: 'What is on record about it.', schema: Explanation }],
    refusals: ['unauthenticated', 'forbidden', 'not_found'],
    handle: (context, { params }) =>
      administer(issuer, context, (admin) => {
        const { status, revocations, ...explanation } = explain(issuer, admin, recordIdOf(params.id));
        const revocation = status?.revocation && renderRevocation(status.revocation);
        return {
          body: {
            ...explanation,
            ...(status && { status: { ...status, ...(revocation && { revocation }) } }),
            ...(revocations && { revocations: revocations.map(renderRevocation) }),
          },
        };
      }),
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/admin/changes',
    listeners: ADMIN_LISTENERS,
    summary: 'Changes of entries, resources, revocations and authorities after a cursor',
    access: { kind: 'admin', role: 'viewer' },
    query: z.strictObject({ ...pageQuery, after: z.string().max(32).optional().describe('`<epoch>.<index>`.') }),
    answers: [{ status: 200, description: 'One page, in order.', schema: Changes }],
    refusals: ['unauthenticated', 'forbidden', 'conflict'],
    handle: (context, { query }) =>
      administer(issuer, context, (admin) => {
        requireEverywhere(admin);
        const after = query.after === undefined ? undefined : parseCursor(query.after, 'after');
        const { changes, cursor } = readChanges(issuer, after, pageOf(query).limit);
        const rendered = changes.map(({ kind, subject, cursor: at }) => ({ cursor: formatCursor(at), kind, subject }));
        return { body: { changes: rendered, cursor: formatCursor(cursor) } };
      }),
  }),
];
