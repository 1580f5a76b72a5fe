import { z } from 'zod';
import { defineRoute, type Route } from '../route.ts';

export interface ListeningAt {
  readonly name: 'api' | 'public' | 'metrics';
  /** As configured. */
  readonly address: string;
  /** The one that is open, also where any free one was asked for. */
  readonly port: number;
}

const Server = z.object({
  version: z.string(),
  listeners: z.array(z.object({ name: z.enum(['api', 'public', 'metrics']), address: z.string(), port: z.int() })),
});

/** What runs here, for `mayfly server check` beside it; on the admin socket alone. */
export const serverRoutes = (version: string, listeners: () => readonly ListeningAt[]): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path: '/v1/admin/server',
    listeners: ['admin'],
    summary: 'What is running, and where it listens',
    access: { kind: 'admin', role: 'viewer' },
    answers: [{ status: 200, description: 'The server that answers.', schema: Server }],
    refusals: ['unauthenticated', 'forbidden'],
    handle: () => ({ body: { version, listeners: listeners() } }),
  }),
];
