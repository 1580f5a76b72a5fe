import { METRICS_CONTENT_TYPE } from '../metrics.ts';
import { defineRoute } from '../route.ts';
import type { Route } from '../route.ts';

export interface MetricsDependencies {
  /** The numbers of all front ends together. */
  readonly collect: () => Promise<string>;
}

/** Numbers for Prometheus, on listeners that only operators reach (DEC-34). */
export const metricsRoutes = ({ collect }: MetricsDependencies): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path: '/metrics',
    listeners: ['metrics', 'admin'],
    summary: 'Numbers for Prometheus',
    access: { kind: 'none' },
    admission: 'always',
    answers: [{ status: 200, description: 'Prometheus text format.', contentType: METRICS_CONTENT_TYPE }],
    refusals: [],
    handle: async () => ({ body: await collect(), contentType: METRICS_CONTENT_TYPE }),
  }),
];
