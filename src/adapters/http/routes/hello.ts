import { z } from 'zod';
import type { SpiffeId } from '../../../domain/spiffe-id.ts';
import type { SignedHead } from '../../../ports/heads.ts';
import { type FleetMemory, headFor, hearHead } from '../../../usecases/greet-agent.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import { defineRoute, type Route, type RouteContext } from '../route.ts';
import { agentOf } from './agent-caller.ts';

const Head = z
  .strictObject({
    logId: z.string().min(1).max(64),
    epoch: z.int().min(0),
    size: z.int().min(0),
    root: z.string().regex(/^[0-9a-f]{64}$/),
    agent: z.string().max(2048),
    mac: z.string().regex(/^[0-9a-f]{64}$/),
  })
  .describe('How far the log was, as the server said it; to be kept and sent back as it is.');

const Hello = z.strictObject({
  head: Head.optional().describe('The newest one that the agent has; absent when it has none.'),
});

const HelloAnswer = z.object({
  head: Head,
  resync: z.boolean().describe('Nothing that the agent holds counts any more: it has to read everything anew.'),
});

/** The SPIFFE ID in it counts only if the whole head is ours, and then it was one. */
const rememberedOf = ({ agent, ...head }: z.output<typeof Head>): SignedHead => ({ ...head, agent: agent as SpiffeId });

/** Takes one greeting from the rate of whoever greets (DEC-21), or refuses with `rate_limited`. */
export type HelloRate = (greeting: Pick<RouteContext, 'certificate' | 'source'>) => void;

/** What an agent says first on each connection, and from time to time (DEC-11). */
export const helloRoutes = (issuer: Issuer, memory: FleetMemory, takeRate: HelloRate): readonly Route[] => [
  defineRoute({
    method: 'POST',
    path: '/v1/hello',
    listeners: ['api'],
    summary: 'Compares what an agent remembers of the log with the log',
    description:
      'An agent keeps the newest head that it was given, and sends it before anything else. A server that finds out so that ' +
      'its store was rolled back or copied takes no more writes, and says who knows more (`read_only`). A head counts by its ' +
      '`mac`, whoever brings it; only agents are given one.',
    access: { kind: 'none' },
    // Who cannot greet hears of no revocation.
    admission: 'reserved',
    bodyKind: 'json',
    body: Hello,
    answers: [{ status: 200, description: 'The log is the one that the agent knows.', schema: HelloAnswer }],
    refusals: ['unauthenticated', 'forbidden', 'rate_limited'],
    handle: async (context, { body }) => {
      takeRate(context);
      const goesOn = await hearHead(memory, body.head && rememberedOf(body.head));
      const { spiffeId } = await agentOf(issuer, context);
      return { body: { head: headFor(memory, spiffeId), resync: !goesOn } };
    },
  }),
];
