import { ORDERS } from './cast.ts';
import type { Stage } from './stage.ts';

export interface NextStep {
  readonly what: string;
  readonly command: string;
}

/** What a person may try while the server is up. Each line works as it stands, from the folder of the clone. */
export const nextSteps = ({ ready }: Stage, decision: string): readonly NextStep[] => [
  { what: 'tell the command line where the server is', command: `export MAYFLY_ADMIN_SOCKET=${ready.adminSocket}` },
  { what: 'everything that was issued', command: 'bin/mayfly.js credential list' },
  { what: 'why the renewal was refused', command: `bin/mayfly.js explain ${decision}` },
  { what: 'who may have which identity', command: 'bin/mayfly.js entry list' },
  ...(ready.workloadSocket === null
    ? []
    : [
        {
          what: 'an identity out of the agent, for programs of yours',
          command: `SPIFFE_ENDPOINT_SOCKET=unix://${ready.workloadSocket} bin/mayfly.js fetch x509`,
        },
        { what: 'who is connected, and who lags behind', command: 'bin/mayfly.js agent list' },
      ]),
  { what: 'a one-time token of your own', command: 'bin/mayfly.js join-token create --agent' },
  {
    what: 'what revoking would hit (nothing happens without --yes)',
    command: `bin/mayfly.js revoke --identity ${ORDERS.spiffeId}`,
  },
  {
    what: 'the keys that anyone verifies with',
    command: `curl --cacert ${ready.bundleFile} ${ready.public}/oauth2/jwks`,
  },
];
