import { z } from 'zod';
import { Refusal } from '../../../domain/refusal.ts';
import { REVOCATION_MODES } from '../../../domain/revocation-reason.ts';
import type { PresenceReader } from '../../../usecases/agent-presence.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import { previewRevocation } from '../../../usecases/preview-revocation.ts';
import { releaseRevocation } from '../../../usecases/release-revocation.ts';
import { requireTargetWithin, visibleRevocations } from '../../../usecases/revocation-target.ts';
import { RevocationConfirmations } from '../../../usecases/revocation-confirmations.ts';
import { revoke } from '../../../usecases/revoke.ts';
import { standAside } from '../stand-aside.ts';
import { defineRoute, type Route } from '../route.ts';
import { ADMIN_LISTENERS, administer, recordIdOf, recordIdParam, requireConfirmation, time } from './administering.ts';
import { OutcomeAnswer, Reason, renderRevocation, RevocationAnswer, Target } from './revocation-schema.ts';

const Preview = z.object({
  target: Target,
  credentials: z.object({ 'x509-svid': z.int(), 'jwt-svid': z.int(), 'access-token': z.int() }),
  latestNotAfter: z.int().optional().describe('Unix seconds.'),
  identities: z.object({ count: z.int(), first: z.array(z.string()) }),
  entries: z.int(),
  agents: z.int(),
  truncated: z.boolean().describe('There are at least so many.'),
  inForce: z.array(RevocationAnswer),
});

const RevokeBody = z.strictObject({
  target: Target,
  mode: z
    .enum(REVOCATION_MODES)
    .optional()
    .describe('`revoke` unless told; `reissue` lets successors be issued; `hold` suspends until released.'),
  reason: Reason.optional(),
  confirm: z.boolean().optional().describe('The preview was seen.'),
});

const ReleaseAnswer = z.object({
  left: RevocationAnswer.optional().describe('A cutoff is final and stays.'),
  recorded: z.boolean().describe('False: it had been released before.'),
});

const Confirmed = z.object({
  agents: z.int().describe('Those that are connected, and those that hold what it ends.'),
  confirmed: z.int(),
  unconfirmed: z
    .array(
      z.object({
        agent: z.string(),
        connected: z.boolean(),
        seen: z.iso.datetime().optional().describe('When it said something last.'),
        until: z.int().optional().describe('Unix seconds: what it holds of the target has expired by then.'),
      }),
    )
    .describe('At most 100, the worst first.'),
});

const confirmationRoute = (issuer: Issuer, presence: PresenceReader): Route => {
  const confirmations = new RevocationConfirmations(issuer, presence, standAside);
  return defineRoute({
    method: 'GET',
    path: '/v1/admin/revocations/:id/confirmations',
    listeners: ADMIN_LISTENERS,
    summary: 'Which agents have confirmed that they act by a revocation',
    access: { kind: 'admin', role: 'viewer' },
    params: recordIdParam,
    answers: [{ status: 200, description: 'As it is now.', schema: Confirmed }],
    refusals: ['unauthenticated', 'forbidden', 'not_found'],
    handle: (context, { params }) =>
      administer(issuer, context, async (admin) => {
        const { unconfirmed, ...counts } = await confirmations.of(admin, recordIdOf(params.id));
        const left = unconfirmed.map(({ seen, ...each }) => ({
          ...each,
          ...(seen !== undefined && { seen: time(seen) }),
        }));
        return { body: { ...counts, unconfirmed: left } };
      }),
  });
};

export const revocationRoutes = (issuer: Issuer, presence: PresenceReader): readonly Route[] => [
  confirmationRoute(issuer, presence),
  defineRoute({
    method: 'GET',
    path: '/v1/admin/revocations',
    listeners: ADMIN_LISTENERS,
    summary: 'Revocations in force',
    access: { kind: 'admin', role: 'viewer' },
    answers: [
      {
        status: 200,
        description: 'All that lie below the prefix of the admin role.',
        schema: z.object({ revocations: z.array(RevocationAnswer) }),
      },
    ],
    refusals: ['unauthenticated', 'forbidden'],
    handle: (context) =>
      administer(issuer, context, (admin) => ({
        body: { revocations: visibleRevocations(issuer, admin).map(renderRevocation) },
      })),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/admin/revocations/preview',
    listeners: ADMIN_LISTENERS,
    summary: 'What a revocation would hit',
    access: { kind: 'admin', role: 'viewer' },
    bodyKind: 'json',
    body: z.strictObject({ target: Target }),
    answers: [{ status: 200, description: 'The numbers; nothing was changed.', schema: Preview }],
    refusals: ['unauthenticated', 'forbidden', 'not_found'],
    handle: (context, { body }) =>
      administer(issuer, context, async (admin) => {
        const preview = await previewRevocation(issuer, admin, body.target, standAside);
        return { body: { ...preview, inForce: preview.inForce.map(renderRevocation) } };
      }),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/admin/revocations',
    listeners: ADMIN_LISTENERS,
    summary: 'Revoke',
    description: 'When it is answered, nothing for its target is issued any more. Asking again changes nothing.',
    access: { kind: 'admin', role: 'revoker' },
    bodyKind: 'json',
    body: RevokeBody,
    answers: [
      { status: 200, description: 'An equal one was in force already.', schema: OutcomeAnswer },
      { status: 201, description: 'It is in force.', schema: OutcomeAnswer },
    ],
    refusals: ['unauthenticated', 'forbidden', 'not_found', 'confirmation_required'],
    handle: (context, { body: { confirm, target, mode = 'revoke', reason } }) =>
      administer(issuer, context, async (admin) => {
        requireConfirmation(confirm);
        const { revocation, recorded } = await revoke(issuer, admin, { target, mode, reason });
        return { status: recorded ? 201 : 200, body: { revocation: renderRevocation(revocation), recorded } };
      }),
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/admin/revocations/:id',
    listeners: ADMIN_LISTENERS,
    summary: 'One revocation, as far as it is in force',
    access: { kind: 'admin', role: 'viewer' },
    params: recordIdParam,
    answers: [{ status: 200, description: 'The revocation.', schema: RevocationAnswer }],
    refusals: ['unauthenticated', 'forbidden', 'not_found'],
    handle: (context, { params }) =>
      administer(issuer, context, (admin) => {
        const revocation = issuer.views.revocations.get(recordIdOf(params.id));
        if (!revocation) throw new Refusal('not_found', 'there is no revocation with this id');
        requireTargetWithin(issuer, admin, revocation.target);
        return { body: renderRevocation(revocation) };
      }),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/admin/revocations/:id/release',
    listeners: ADMIN_LISTENERS,
    summary: 'Take back a block, a hold or a lock',
    access: { kind: 'admin', role: 'registrar' },
    params: recordIdParam,
    answers: [{ status: 200, description: 'What is left of it.', schema: ReleaseAnswer }],
    refusals: ['unauthenticated', 'forbidden', 'not_found', 'conflict'],
    handle: (context, { params }) =>
      administer(issuer, context, async (admin) => {
        const { left, recorded } = await releaseRevocation(issuer, admin, recordIdOf(params.id));
        return { body: { ...(left && { left: renderRevocation(left) }), recorded } };
      }),
  }),
];
