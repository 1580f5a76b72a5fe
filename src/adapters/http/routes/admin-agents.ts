import { z } from 'zod';
import { parseOperatorSpiffeId, type SpiffeId } from '../../../domain/spiffe-id.ts';
import type { AgentPresence, PresenceReader } from '../../../usecases/agent-presence.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import { banAgent, evictAgent, unlockAgent } from '../../../usecases/manage-agents.ts';
import { deadAgents, purgeAgents } from '../../../usecases/purge-agents.ts';
import { listAgents, type SeenAgent, seenAgents, showAgent } from '../../../usecases/read-agents.ts';
import type { RevokeOutcome } from '../../../usecases/revoke.ts';
import { standAside } from '../stand-aside.ts';
import { defineRoute, type Answer, type Route } from '../route.ts';
import { ADMIN_LISTENERS, administer, pageOf, pageQuery, requireConfirmation, time } from './administering.ts';
import { OutcomeAnswer, Reason, renderRevocation, RevocationAnswer } from './revocation-schema.ts';

const Agent = z.object({
  id: z.string().describe('Of its newest attestation.'),
  index: z.int(),
  spiffeId: z.string(),
  role: z.literal('agent'),
  attestor: z.string(),
  selectors: z.array(z.string()),
  attestedAt: z.iso.datetime(),
  renewUntil: z.int().describe('Unix seconds.'),
  hasNodeKey: z.boolean(),
  svid: z
    .object({ serial: z.string(), notBefore: z.int(), notAfter: z.int() })
    .optional()
    .describe('The newest one, unless it has expired or was revoked.'),
  banned: RevocationAnswer.optional(),
  evicted: RevocationAnswer.optional().describe('What it attested with is void: it has to attest anew.'),
  locked: RevocationAnswer.optional(),
  dead: z.boolean().describe('Neither its SVID nor its node key is good any more.'),
  stoppedRenewing: z.boolean().describe('Its SVID should have been renewed by now, and it is not connected.'),
  presence: z
    .object({
      connected: z.boolean(),
      since: z.iso.datetime().optional(),
      seen: z.iso.datetime().describe('When it said something last.'),
      acknowledged: z.int().optional().describe('The newest place of the log that it acknowledged.'),
      behindSince: z.iso.datetime().optional().describe('Since when it owes an acknowledgement.'),
    })
    .optional()
    .describe('Its connection to the feed, as far as it was seen since the server started.'),
});

const Params = z.strictObject({
  id: z.string().min(1).max(2048).describe('The agent’s SPIFFE ID, percent-encoded as one segment.'),
});

const ActBody = z.strictObject({
  reason: Reason.optional(),
  confirm: z.boolean().optional().describe('The preview of a revocation of kind `agent` was seen.'),
});

const agentOf = (params: z.output<typeof Params>): SpiffeId => parseOperatorSpiffeId(params.id, { field: 'id' });

const renderPresence = ({ since, seen, acknowledged, behindSince }: AgentPresence): object => ({
  connected: since !== undefined,
  ...(since !== undefined && { since: time(since) }),
  seen: time(seen),
  ...(acknowledged >= 0 && { acknowledged }),
  ...(behindSince !== undefined && { behindSince: time(behindSince) }),
});

const render = (agent: SeenAgent): object => ({
  ...agent,
  attestedAt: time(agent.attestedAt),
  ...(agent.banned && { banned: renderRevocation(agent.banned) }),
  ...(agent.evicted && { evicted: renderRevocation(agent.evicted) }),
  ...(agent.locked && { locked: renderRevocation(agent.locked) }),
  ...(agent.presence && { presence: renderPresence(agent.presence) }),
});

const renderOutcome = ({ revocation, recorded }: RevokeOutcome): Answer => ({
  body: { revocation: renderRevocation(revocation), recorded },
});

const ACTIONS = {
  ban: { act: banAgent, summary: 'All that came through the agent is dead, and it gets nothing more until released' },
  evict: { act: evictAgent, summary: 'All that came through the agent is dead; it may attest again' },
} as const;

const actionRoute = (issuer: Issuer, name: keyof typeof ACTIONS): Route => {
  const { act, summary } = ACTIONS[name];
  return defineRoute({
    method: 'POST',
    path: `/v1/admin/agents/:id/${name}`,
    listeners: ADMIN_LISTENERS,
    summary,
    access: { kind: 'admin', role: 'revoker' },
    params: Params,
    bodyKind: 'json',
    body: ActBody,
    answers: [{ status: 200, description: 'It is in force.', schema: OutcomeAnswer }],
    refusals: ['unauthenticated', 'forbidden', 'not_found', 'confirmation_required'],
    handle: (context, { params, body }) =>
      administer(issuer, context, async (admin) => {
        requireConfirmation(body.confirm);
        return renderOutcome(await act(issuer, admin, agentOf(params), body.reason));
      }),
  });
};

const Purged = z.object({ agents: z.array(z.string()) });

const purgeRoutes = (issuer: Issuer): readonly Route[] => [
  defineRoute({
    method: 'POST',
    path: '/v1/admin/agents/purge/preview',
    listeners: ADMIN_LISTENERS,
    summary: 'Which agents are dead',
    access: { kind: 'admin', role: 'viewer' },
    answers: [{ status: 200, description: 'Nothing was changed.', schema: Purged }],
    refusals: ['unauthenticated', 'forbidden'],
    handle: (context) =>
      administer(issuer, context, async (admin) => ({ body: { agents: await deadAgents(issuer, admin, standAside) } })),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/admin/agents/purge',
    listeners: ADMIN_LISTENERS,
    summary: 'Take dead agents off the list',
    description: 'Agents whose SVID has expired and whose node key, if they have one, brings them back no more.',
    access: { kind: 'admin', role: 'registrar' },
    bodyKind: 'json',
    body: z.strictObject({ confirm: z.boolean().optional().describe('The preview was seen.') }),
    answers: [{ status: 200, description: 'They are off the list.', schema: Purged }],
    refusals: ['unauthenticated', 'forbidden', 'confirmation_required'],
    handle: (context, { body }) =>
      administer(issuer, context, async (admin) => {
        requireConfirmation(body.confirm);
        return { body: { agents: await purgeAgents(issuer, admin, standAside) } };
      }),
  }),
];

export const agentRoutes = (issuer: Issuer, presence: PresenceReader): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path: '/v1/admin/agents',
    listeners: ADMIN_LISTENERS,
    summary: 'Agents in order of SPIFFE ID',
    access: { kind: 'admin', role: 'viewer' },
    query: z.strictObject(pageQuery),
    answers: [
      {
        status: 200,
        description: 'One page.',
        schema: z.object({ agents: z.array(Agent), next: z.string().optional() }),
      },
    ],
    refusals: ['unauthenticated', 'forbidden'],
    handle: (context, { query }) =>
      administer(issuer, context, async (admin) => {
        const { agents, ...next } = listAgents(issuer, admin, pageOf(query));
        return { body: { agents: (await seenAgents(presence, agents)).map(render), ...next } };
      }),
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/admin/agents/:id',
    listeners: ADMIN_LISTENERS,
    summary: 'One agent',
    access: { kind: 'admin', role: 'viewer' },
    params: Params,
    answers: [{ status: 200, description: 'The agent.', schema: Agent }],
    refusals: ['unauthenticated', 'forbidden', 'not_found'],
    handle: (context, { params }) =>
      administer(issuer, context, async (admin) => {
        const seen = await seenAgents(presence, [showAgent(issuer, admin, agentOf(params))]);
        return { body: seen.map(render)[0] ?? {} };
      }),
  }),
  ...purgeRoutes(issuer),
  actionRoute(issuer, 'ban'),
  actionRoute(issuer, 'evict'),
  defineRoute({
    method: 'POST',
    path: '/v1/admin/agents/:id/unlock',
    listeners: ADMIN_LISTENERS,
    summary: 'End the lock that a clone left',
    access: { kind: 'admin', role: 'registrar' },
    params: Params,
    answers: [
      {
        status: 200,
        description: 'The locks that were released.',
        schema: z.object({ released: z.array(RevocationAnswer) }),
      },
    ],
    refusals: ['unauthenticated', 'forbidden', 'conflict'],
    handle: (context, { params }) =>
      administer(issuer, context, async (admin) => {
        const released = await unlockAgent(issuer, admin, agentOf(params));
        return { body: { released: released.map(renderRevocation) } };
      }),
  }),
];
