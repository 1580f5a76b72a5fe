import type { JoinToken } from './admin.ts';
import { APP, ORDERS, READ, WRITE } from './cast.ts';
import type { Reporter } from './reporter.ts';
import type { Stage } from './stage.ts';

const registerResource = (reporter: Reporter, { admin }: Stage): Promise<unknown> =>
  reporter.step({
    name: 'resource',
    title: 'An API is named that takes access tokens',
    byHand:
      `$ bin/mayfly.js resource create ${ORDERS.resource} --scope ${READ} --scope ${WRITE} \\\n` +
      `    --binding mtls --resource-owner ${ORDERS.spiffeId}`,
    run: () =>
      admin.createResource({
        identifier: ORDERS.resource,
        scopes: [{ name: READ }, { name: WRITE }],
        bindings: ['mtls'],
        owners: [ORDERS.spiffeId],
      }),
    tell: (resource) => ({
      facts: { ...resource, scopes: resource.scopes.map(({ name }) => name) },
      lines: [
        ['identifier', resource.identifier],
        ['scopes', resource.scopes.map(({ name }) => name).join(' ')],
        ['tokens', 'bound to the certificate of whoever asked for them (mtls)'],
      ],
    }),
  });

const registerEntries = (reporter: Reporter, { admin }: Stage): Promise<unknown> =>
  reporter.step({
    name: 'entries',
    title: 'Two workloads may have an identity; one may read orders',
    byHand:
      `$ bin/mayfly.js entry create --id ${APP.entry} --spiffe-id ${APP.spiffeId} \\\n` +
      `    --selector quickstart:${APP.entry} --grant ${ORDERS.resource}=${READ}\n` +
      `$ bin/mayfly.js entry create --id ${ORDERS.entry} --spiffe-id ${ORDERS.spiffeId} \\\n` +
      `    --selector quickstart:${ORDERS.entry}`,
    run: async () => [
      await admin.createEntry({
        id: APP.entry,
        spiffeId: APP.spiffeId,
        selectors: [`quickstart:${APP.entry}`],
        grants: [{ resource: ORDERS.resource, scopes: [READ] }],
      }),
      await admin.createEntry({
        id: ORDERS.entry,
        spiffeId: ORDERS.spiffeId,
        selectors: [`quickstart:${ORDERS.entry}`],
      }),
    ],
    tell: (entries) => ({
      facts: { entries },
      lines: [
        ['caller', `${APP.spiffeId}, granted ${READ}`],
        ['API', `${ORDERS.spiffeId}, owner of ${ORDERS.resource}`],
      ],
    }),
  });

export interface JoinTokens {
  readonly app: JoinToken;
  readonly orders: JoinToken;
}

const makeJoinTokens = (reporter: Reporter, { admin }: Stage): Promise<JoinTokens> =>
  reporter.step({
    name: 'join-tokens',
    title: 'Each gets a one-time token to prove itself with',
    byHand: `$ bin/mayfly.js join-token create --entry ${APP.entry}\n$ bin/mayfly.js join-token create --entry ${ORDERS.entry}`,
    run: async () => ({
      app: await admin.createJoinToken(APP.entry),
      orders: await admin.createJoinToken(ORDERS.entry),
    }),
    tell: ({ app, orders }) => {
      const shown = [app, orders].map(({ id, spiffeId, expiresAt }) => ({ id, spiffeId, expiresAt }));
      return {
        facts: { tokens: shown },
        lines: shown.map(({ id, spiffeId }) => ['token', `${id} for ${spiffeId}: good once, for 10 min`]),
      };
    },
  });

/** What an operator writes down before anyone can get anything: deny is the default. */
export const register = async (reporter: Reporter, stage: Stage): Promise<JoinTokens> => {
  await registerResource(reporter, stage);
  await registerEntries(reporter, stage);
  return makeJoinTokens(reporter, stage);
};
