import { z } from 'zod';
import { requireMayGiveAgent, requireMayGiveEntry } from '../../../domain/administrator.ts';
import { JOIN_TOKEN } from '../../../domain/attestation.ts';
import { agentId } from '../../../domain/spiffe-id.ts';
import { surroundingsOf } from '../../../usecases/admin-write.ts';
import { createJoinToken, type JoinTokenRequest } from '../../../usecases/create-join-token.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import { showEntry } from '../../../usecases/read-entries.ts';
import type { Administrator } from '../../../domain/administrator.ts';
import { defineRoute, type Route } from '../route.ts';
import { ADMIN_LISTENERS, administer } from './administering.ts';

const Body = z
  .strictObject({
    agent: z
      .union([z.literal(true), z.string().min(1).max(255)])
      .optional()
      .describe('For an agent: its name, or true for one made from the token’s id.'),
    entry: z.string().min(1).max(128).optional().describe('For the agentless workload of this entry.'),
    ttl: z.int().optional().describe('Seconds; 10 minutes unless told.'),
  })
  .refine(({ agent, entry }) => (agent === undefined) !== (entry === undefined), 'names either agent or entry');

const Token = z.object({
  id: z.string(),
  token: z.string().describe('Shown this once; only its hash is kept.'),
  spiffeId: z.string().describe('Who redeems it becomes this.'),
  expiresAt: z.int().describe('Unix seconds.'),
});

const purposeOf = ({ agent, entry }: z.output<typeof Body>): JoinTokenRequest['purpose'] =>
  entry === undefined ? { agent: typeof agent === 'string' ? agent : null } : { entry };

/** A token gives an identity, so whoever makes it has to reach that identity (DEC-28). */
const checkReach = (issuer: Issuer, admin: Administrator, purpose: JoinTokenRequest['purpose']): void => {
  if ('entry' in purpose) {
    requireMayGiveEntry(admin, showEntry(issuer, admin, purpose.entry));
    return;
  }
  // One that gets the token's own id as its name has nothing under it yet.
  const agent = agentId(issuer.policy.trustDomain, JOIN_TOKEN, purpose.agent ?? 'any');
  requireMayGiveAgent(admin, agent, surroundingsOf(issuer));
};

export const joinTokenRoutes = (issuer: Issuer): readonly Route[] => [
  defineRoute({
    method: 'POST',
    path: '/v1/admin/join-tokens',
    listeners: ADMIN_LISTENERS,
    summary: 'Make a join token, good once',
    access: { kind: 'admin', role: 'registrar' },
    bodyKind: 'json',
    body: Body,
    answers: [{ status: 201, description: 'The token.', schema: Token }],
    refusals: ['unauthenticated', 'forbidden', 'not_found'],
    handle: (context, { body }) =>
      administer(issuer, context, async (admin) => {
        const purpose = purposeOf(body);
        checkReach(issuer, admin, purpose);
        const request = { purpose, by: admin.name, ...(body.ttl !== undefined && { ttl: body.ttl }) };
        return { status: 201, headers: { 'cache-control': 'no-store' }, body: await createJoinToken(issuer, request) };
      }),
  }),
];
