import { z } from 'zod';
import { applyEntries } from '../../../usecases/apply-entries.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import { planApply, type ApplyPlan } from '../../../usecases/plan-apply.ts';
import { standAside } from '../stand-aside.ts';
import { defineRoute, type Route } from '../route.ts';
import { ADMIN_LISTENERS, administer } from './administering.ts';
import { IdentifiedEntryBody } from './entry-schema.ts';
import { ResourceBody } from './resource-schema.ts';

const MAX_BYTES = 4 * 1024 * 1024;
const MAX_RECORDS = 10_000;

const file = {
  entries: z.array(IdentifiedEntryBody).max(MAX_RECORDS).optional(),
  resources: z.array(ResourceBody).max(MAX_RECORDS).optional(),
  owner: z.string().max(128).optional().describe('Who keeps what the file names, where it does not say so itself.'),
  prune: z.boolean().optional().describe('Delete what this owner keeps and the file does not name.'),
};

const FileBody = z.strictObject(file);
const ApplyBody = z.strictObject({ ...file, digest: z.string().length(64).describe('Of the plan that was shown.') });

const Plan = z.object({
  digest: z.string().describe('SHA-256 of the plan, hexadecimal.'),
  counts: z.object({ create: z.int(), update: z.int(), delete: z.int(), unchanged: z.int() }),
  items: z.array(
    z.object({
      kind: z.enum(['entry', 'resource']),
      action: z.enum(['create', 'update', 'delete', 'unchanged']),
      id: z.string().optional(),
      name: z.string(),
      revision: z.int().optional(),
      changes: z.array(z.object({ field: z.string(), before: z.unknown().optional(), after: z.unknown().optional() })),
    }),
  ),
});

const render = ({ items, digest }: ApplyPlan): object => {
  const counts = { create: 0, update: 0, delete: 0, unchanged: 0 };
  for (const { action } of items) counts[action] += 1;
  return { digest, counts, items };
};

const refusals = ['unauthenticated', 'forbidden', 'invalid_entry', 'conflict'] as const;

export const applyRoutes = (issuer: Issuer): readonly Route[] => [
  defineRoute({
    method: 'POST',
    path: '/v1/admin/plan',
    listeners: ADMIN_LISTENERS,
    summary: 'What applying a file of entries and resources would do',
    access: { kind: 'admin', role: 'registrar' },
    bodyKind: 'json',
    body: FileBody,
    maxBytes: MAX_BYTES,
    answers: [{ status: 200, description: 'The plan; nothing was changed.', schema: Plan }],
    refusals,
    handle: (context, { body }) =>
      administer(issuer, context, async (admin) => ({
        body: render(await planApply(issuer, admin, body, standAside)),
      })),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/admin/apply',
    listeners: ADMIN_LISTENERS,
    summary: 'Apply a file of entries and resources as planned',
    description: 'Names the digest of the plan: when the plan is another one by now, nothing is done.',
    access: { kind: 'admin', role: 'registrar' },
    bodyKind: 'json',
    body: ApplyBody,
    maxBytes: MAX_BYTES,
    answers: [{ status: 200, description: 'The plan, carried out.', schema: Plan }],
    refusals: [...refusals, 'precondition_failed'],
    handle: (context, { body: { digest, ...written } }) =>
      administer(issuer, context, async (admin) => ({
        body: render(await applyEntries(issuer, admin, written, digest, standAside)),
      })),
  }),
];
