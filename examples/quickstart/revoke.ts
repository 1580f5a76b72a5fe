import { z } from 'zod';
import { expectAnswer, Unexpected } from '../shared/request.ts';
import { APP, ORDERS, READ } from './cast.ts';
import { callOrders, refused } from './call.ts';
import type { Shop } from './call.ts';
import { placeText } from './describe.ts';
import type { Obtained } from './obtain.ts';
import type { Reporter } from './reporter.ts';
import type { Stage } from './stage.ts';

const REASON = 'key_compromise';

const Problem = z.object({ code: z.string(), decision: z.string() });

const revokeIdentity = (reporter: Reporter, { admin }: Stage): Promise<string> =>
  reporter
    .step({
      name: 'revoke',
      title: 'The identity is revoked',
      byHand: `$ bin/mayfly.js revoke --identity ${APP.spiffeId} --reason ${REASON} --yes`,
      run: () => admin.revokeIdentity(APP.spiffeId, REASON),
      tell: ({ credentials, revocation }) => ({
        facts: { credentials, ...revocation },
        lines: [
          [
            'ends',
            Object.entries(credentials)
              .map(([kind, count]) => `${count} ${kind}`)
              .join(', '),
          ],
          ['effect', `${revocation.predicates.join(' and ')}: what it holds is dead, and it gets nothing new`],
          ['revocation', revocation.id],
          ['on record', `index ${revocation.index}: whatever comes after it knows of it`],
        ],
      }),
    })
    .then(({ revocation }) => revocation.id);

const renewInVain = (
  reporter: Reporter,
  { admin, api }: Stage,
  { app }: Obtained,
  revocation: string,
): Promise<string> =>
  reporter
    .step({
      name: 'renewal-refused',
      title: 'Renewal is refused; the caller learns no more than that',
      byHand: `POST ${api.url}/v1/svids/x509   {items: [{csr}]}`,
      run: async () => {
        const { code, decision } = expectAnswer(
          'the renewal after the revocation',
          await app.requestRenewal(),
          401,
          Problem,
        );
        return { code, decision, explanation: await admin.explain(decision) };
      },
      tell: ({ code, decision, explanation }) => {
        if (explanation.revocations?.some(({ id }) => id === revocation) !== true) {
          throw new Unexpected(`the explanation of ${decision} has to name the revocation ${revocation}`);
        }
        const { summary, place } = explanation;
        return {
          facts: {
            status: 401,
            code,
            decision,
            summary,
            revocation,
            ledger: { epoch: place.epoch, index: place.index },
          },
          lines: [
            ['caller reads', `401 ${code}, decision ${decision}`],
            ['operator', `$ bin/mayfly.js explain ${decision}`],
            ['', summary],
            ['on record', placeText(place)],
          ],
        };
      },
    })
    .then(({ decision }) => decision);

const askTokenInVain = (reporter: Reporter, { app, tokenEndpoint }: Obtained): Promise<unknown> =>
  reporter.step({
    name: 'token-refused',
    title: 'No new access token either',
    byHand: `POST ${tokenEndpoint}   grant_type=client_credentials  scope=${READ}`,
    run: () => app.requestToken(tokenEndpoint, ORDERS.resource, READ),
    tell: ({ status, text, headers }) => {
      const { error } = JSON.parse(text) as Record<string, string>;
      if (status !== 401 || error !== 'invalid_client') {
        throw new Unexpected(`a revoked client has to be refused with invalid_client, not HTTP ${status} ${text}`);
      }
      const decision = String(headers['mayfly-decision']);
      return { facts: { status, error, decision }, lines: [['refused', `${status} ${error}, decision ${decision}`]] };
    },
  });

/** The identity ends, and with it everything that it holds. Gives the decision that refused its renewal. */
export const revoke = async (reporter: Reporter, stage: Stage, obtained: Obtained, shop: Shop): Promise<string> => {
  const revocation = await revokeIdentity(reporter, stage);
  const decision = await renewInVain(reporter, stage, obtained, revocation);
  await askTokenInVain(reporter, obtained);
  await reporter.step({
    name: 'call-after-revocation',
    title: 'And the API refuses the token that it took before',
    byHand: `GET ${shop.target.url}   Authorization: Bearer …   (still within its time)`,
    run: () => callOrders(shop, obtained.app, obtained.accessToken, 'GET'),
    tell: (answer) => {
      const told = refused(answer, { status: 401, error: 'invalid_token' });
      if (!String(told.facts['description']).includes(REASON)) throw new Unexpected('the API has to say why');
      return told;
    },
  });
  return decision;
};
