import { z } from 'zod';
import { defineRoute } from '../route.ts';
import type { Listener, Route } from '../route.ts';

/** Whether the server can do its work, tried and not guessed (DEC-34). */
export interface Readiness {
  /** Why it is not ready, each in a few words without secrets; empty when it is. */
  readonly reasons: readonly string[];
  /** What the operator has to do in time; absent when there is nothing. It does not make the server unready. */
  readonly warnings?: readonly string[];
  /** Seconds since the probe last signed and committed; absent before the first time. */
  readonly probeAge?: number;
}

export interface ProbeDependencies {
  readonly readiness: () => Readiness;
}

/** A probe older than this says nothing about now. Seconds. */
const MAX_PROBE_AGE = 30;

const LISTENERS: readonly Listener[] = ['api', 'public', 'admin', 'metrics'];

const alive = z.object({ alive: z.literal(true) });
const ready = z.object({
  ready: z.boolean(),
  reasons: z.array(z.string()),
  warnings: z
    .array(z.string())
    .optional()
    .describe('What the operator has to do in time; the server is ready all the same.'),
  probeAge: z.number().optional().describe('Seconds since the server last signed and committed.'),
});

const judge = ({ reasons, warnings, probeAge }: Readiness): z.output<typeof ready> => {
  const stale = probeAge === undefined || probeAge > MAX_PROBE_AGE;
  const all = stale ? [...reasons, 'the probe has not passed lately'] : [...reasons];
  const told = warnings === undefined ? {} : { warnings: [...warnings] };
  return { ready: all.length === 0, reasons: all, ...told, ...(probeAge !== undefined && { probeAge }) };
};

/** For load balancers and supervisors. */
export const probeRoutes = ({ readiness }: ProbeDependencies): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path: '/livez',
    listeners: LISTENERS,
    summary: 'Does the process answer?',
    access: { kind: 'none' },
    admission: 'always',
    answers: [{ status: 200, description: 'It does.', schema: alive }],
    refusals: [],
    handle: () => ({ body: { alive: true } }),
  }),
  defineRoute({
    method: 'GET',
    path: '/readyz',
    listeners: LISTENERS,
    summary: 'Can the server sign and commit?',
    access: { kind: 'none' },
    admission: 'always',
    answers: [
      { status: 200, description: 'It can: it tried.', schema: ready },
      { status: 503, description: 'It cannot, and why.', schema: ready },
    ],
    refusals: [],
    handle: () => {
      const state = judge(readiness());
      return { status: state.ready ? 200 : 503, body: state };
    },
  }),
];
