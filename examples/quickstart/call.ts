import { z } from 'zod';
import { startOrdersApi } from '../orders-api/server.ts';
import type { OrdersApi } from '../orders-api/server.ts';
import { ask, expectAnswer, Unexpected } from '../shared/request.ts';
import type { Answer, Target } from '../shared/request.ts';
import type { JoinToken } from './admin.ts';
import { ORDERS, READ, WRITE } from './cast.ts';
import { placeText } from './describe.ts';
import type { Obtained } from './obtain.ts';
import { publishedKeys } from './published-keys.ts';
import type { Reporter, Told } from './reporter.ts';
import type { Stage } from './stage.ts';
import { Workload } from './workload.ts';

/** The API, and what a caller needs to reach it. */
export interface Shop {
  readonly api: OrdersApi;
  /** The API's own identity. */
  readonly itself: Workload;
  readonly target: Target;
}

/** The API starts with an identity of its own, obtained just as the caller got its. */
export const openShop = (
  reporter: Reporter,
  { api, bundle, publicListener }: Stage,
  { metadata }: Obtained,
  joinToken: JoinToken,
): Promise<Shop> =>
  reporter
    .step({
      name: 'resource-starts',
      title: 'The orders API starts, with an identity of its own',
      byHand: 'examples/orders-api: node:https, jose, and POST /v1/validate',
      run: async () => {
        const itself = new Workload(api);
        const svid = await itself.attest(joinToken.token);
        const identity = itself.tls();
        const orders = await startOrdersApi({
          identity,
          bundle,
          issuer: metadata.issuer,
          keys: publishedKeys(publicListener, metadata),
          audience: ORDERS.resource,
          mayfly: { ...api, client: identity },
        });
        return {
          svid,
          shop: { api: orders, itself, target: { url: `${orders.url}/orders`, bundle, serverId: svid.spiffeId } },
        };
      },
      tell: ({ svid, shop }) => ({
        facts: { url: shop.api.url, spiffeId: svid.spiffeId, serial: svid.serial, ledger: svid.ledger },
        lines: [
          ['listens on', `${shop.api.url}  (mTLS)`],
          ['SPIFFE ID', svid.spiffeId],
          ['on record', placeText(svid.ledger)],
        ],
      }),
    })
    .then(({ shop }) => shop);

/** Calls the API with a token, as whoever holds `holder`'s certificate. */
export const callOrders = (shop: Shop, holder: Workload, token: string, method: 'GET' | 'POST'): Promise<Answer> =>
  ask(
    { ...shop.target, client: holder.tls() },
    { method, headers: { authorization: `Bearer ${token}` }, ...(method === 'POST' && { json: { item: 'chair' } }) },
  );

const Orders = z.object({ caller: z.string(), orders: z.array(z.object({ id: z.int(), item: z.string() })) });

const accepted = (answer: Answer): Told => {
  const { caller, orders } = expectAnswer('the call', answer, 200, Orders);
  return {
    facts: { status: answer.status, caller, orders: orders.length },
    lines: [['answer', `200 ${orders.map(({ id, item }) => `#${id} ${item}`).join(', ')}, for ${caller}`]],
  };
};

/** What a resource answers to a token that does not do (RFC 6750 §3). */
export const refused = ({ status, headers, text }: Answer, expected: { status: number; error: string }): Told => {
  const challenge = String(headers['www-authenticate']);
  if (status !== expected.status || !challenge.includes(`error="${expected.error}"`)) {
    throw new Unexpected(
      `the API has to refuse with ${expected.status} ${expected.error}, and answered ${status} ${challenge} ${text}`,
    );
  }
  const { error_description: description = '' } = JSON.parse(text) as Record<string, string>;
  return {
    facts: { status, error: expected.error, description, challenge },
    lines: [
      ['answer', `${status} ${expected.error}`],
      ['because', description],
    ],
  };
};

/** Accepted for its scope, refused for another, and refused to anyone else who shows it. */
export const callShop = async (reporter: Reporter, shop: Shop, { app, accessToken }: Obtained): Promise<void> => {
  await reporter.step({
    name: 'call-accepted',
    title: 'The call gets through',
    byHand: `GET ${shop.target.url}   Authorization: Bearer …   (needs ${READ})`,
    run: () => callOrders(shop, app, accessToken, 'GET'),
    tell: accepted,
  });
  await reporter.step({
    name: 'call-without-scope',
    title: 'The same token does not write',
    byHand: `POST ${shop.target.url}   Authorization: Bearer …   (needs ${WRITE})`,
    run: () => callOrders(shop, app, accessToken, 'POST'),
    tell: (answer) => refused(answer, { status: 403, error: 'insufficient_scope' }),
  });
  await reporter.step({
    name: 'call-with-stolen-token',
    title: 'Stolen, the token is worth nothing',
    byHand: `GET ${shop.target.url}   the same token, with somebody else’s certificate`,
    run: () => callOrders(shop, shop.itself, accessToken, 'GET'),
    tell: (answer) => refused(answer, { status: 401, error: 'invalid_token' }),
  });
};
