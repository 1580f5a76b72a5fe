import { check, finish } from '../servers/report.ts';
import { haproxy } from './haproxy.ts';
import { nats } from './nats.ts';
import { nginx } from './nginx.ts';
import { postgresql } from './postgresql.ts';
import { withWorld } from './world.ts';

// One after the other they would only wait longer.
await withWorld(async (world) => {
  const trials = await Promise.allSettled([nginx, haproxy, postgresql, nats].map((recipe) => recipe(world)));
  await check('every server starts and stops', () => {
    for (const trial of trials) if (trial.status === 'rejected') throw trial.reason;
  });
});

finish();
