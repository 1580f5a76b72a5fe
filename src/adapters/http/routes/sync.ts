import { z } from 'zod';
import { Refusal } from '../../../domain/refusal.ts';
import { CURSOR_TEXT, parseCursor } from '../../../formats/cursor.ts';
import type { Caller } from '../../../usecases/authenticate-caller.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import { defineRoute, type Route } from '../route.ts';
import type { AgentFeed } from '../sync/agent-feed.ts';
import { UPGRADE_PROTOCOL } from '../upgrade.ts';
import { agentOf } from './agent-caller.ts';

const Query = z.strictObject({
  after: z
    .string()
    .regex(CURSOR_TEXT, 'is not <epoch>.<index>')
    .optional()
    .describe('The newest cursor that the agent holds, as `<epoch>.<index>`: only what changed since is told.'),
});

/** Takes one opening of the feed from the agent's rate (DEC-21), or refuses with `rate_limited`. */
export type FeedRate = (agent: Caller) => void;

/** What agents have to know, as it changes (DEC-35). */
export const syncRoutes = (
  issuer: Issuer,
  feed: Pick<AgentFeed, 'checkRoom' | 'open'>,
  takeRate: FeedRate,
): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path: '/v1/sync',
    listeners: ['api'],
    summary: 'What an agent has to know, as it changes',
    description:
      `The connection is upgraded (\`Connection: Upgrade\`, \`Upgrade: ${UPGRADE_PROTOCOL}\`); then both sides say one JSON ` +
      'object a line. The server tells entries under the agent and its groups, revocations that touch them, and the bundle, ' +
      'first as they are and then each change (a revocation of a prefix whomever it touches), and after each change a cursor that ' +
      'the agent acknowledges. Without `after`, and when what changed since cannot be told, `reset` comes first and everything ' +
      'after it.',
    access: { kind: 'svid' },
    admission: 'reserved',
    query: Query,
    answers: [{ status: 101, description: 'From here on the connection carries lines.' }],
    refusals: ['unauthenticated', 'forbidden', 'upgrade_required', 'rate_limited'],
    handle: async (context, { query }) => {
      const caller = await agentOf(issuer, context);
      if (context.upgrade !== true) {
        throw new Refusal('upgrade_required', `this is served over an upgraded connection: ${UPGRADE_PROTOCOL}`);
      }
      // An agent for which there is no room has not been told anything.
      feed.checkRoom();
      takeRate(caller);
      const { source } = context;
      const after = query.after === undefined ? undefined : parseCursor(query.after, 'after');
      return { takeOver: (socket, first) => feed.open(socket, first, caller, source, after) };
    },
  }),
];
