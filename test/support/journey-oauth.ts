import type { Answered } from './http.ts';
import { csrOf, type Held, heldFrom, Journey } from './journey.ts';
import type { Client } from './journey-client.ts';
import { newKey } from './x509.ts';

export const JWT_SPIFFE = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe';
export const ORDERS = 'https://orders.example.org';
export const MAIL = 'https://mail.example.org/v2?tenant=1';

export interface TokenAnswer {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly scope: string;
}

/** A server with two resources, an agent, and workloads that hold grants. */
export interface OauthWorld {
  readonly journey: Journey;
  /** `<public>/oauth2`. */
  readonly issuer: string;
  readonly agent: Held;
  readonly agentClient: Client;
  /** A workload's X.509-SVID through the agent. */
  svid(entryId: string): Promise<Held>;
  /** A workload's JWT-SVID through the agent; for the token endpoint unless told. */
  assertion(entryId: string, audience?: readonly string[]): Promise<string>;
  /** `POST /oauth2/token` on `public`, with an assertion. */
  byJwt(assertion: string, form?: Record<string, string>): Promise<Answered>;
  /** The same on `api`, with a client certificate and its `client_id`. */
  byX509(held: Held, form?: Record<string, string>): Promise<Answered>;
}

/** What a person reads of an answer: `400 invalid_request`. */
export const oauthCode = (answer: Answered): string => `${answer.status} ${String(answer.json()['error'])}`;

export const decodePart = (token: string, part: 0 | 1): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[part] ?? '', 'base64url').toString()) as Record<string, unknown>;

const addRecords = async (journey: Journey, agent: Held): Promise<void> => {
  const resource = (body: object) => journey.administer('POST', '/v1/admin/resources', body);
  await resource({
    identifier: ORDERS,
    names: ['orders'],
    scopes: [{ name: 'read' }, { name: 'write', maxTtl: 60 }, { name: 'admin' }],
    bindings: ['mtls', 'bearer'],
    claims: { region: 'eu' },
  });
  await resource({ identifier: MAIL, names: ['mail'], scopes: [{ name: 'send' }], bindings: ['mtls'] });
  const under = { parentId: agent.spiffeId };
  const orders = { resource: ORDERS, scopes: ['read', 'write'], defaultScopes: ['read'], bearer: true };
  await journey.entry('web', { ...under, grants: [orders, { resource: MAIL, scopes: ['send'] }] });
  await journey.entry('one', { ...under, grants: [{ resource: MAIL, scopes: ['send'] }] });
  await journey.entry('none', under);
  await journey.entry('slow', { ...under, jwtTtl: 3600, grants: [orders] });
};

export const startOauthWorld = async (options: Parameters<typeof Journey.start>[0] = {}): Promise<OauthWorld> => {
  const journey = await Journey.start(options);
  const agent = await journey.attest({ agent: 'node' });
  const agentClient = journey.api(agent);
  await addRecords(journey, agent);
  const issuer = `${journey.server.ready.public}/oauth2`;
  const publicClient = journey.public();
  const issue = async (path: string, item: object): Promise<unknown> => {
    const answer = await agentClient.postJson(path, { items: [item] });
    if (answer.status !== 200) throw new Error(answer.text);
    return (answer.json() as { items: unknown[] }).items[0];
  };
  return {
    journey,
    issuer,
    agent,
    agentClient,
    svid: async (entryId) => {
      const key = newKey();
      return heldFrom(await issue('/v1/svids/x509', { csr: csrOf(key), entryId }), key);
    },
    assertion: async (entryId, audience = [issuer]) =>
      ((await issue('/v1/svids/jwt', { audience, entryId })) as { token: string }).token,
    byJwt: (assertion, form = {}) =>
      publicClient.postForm('/oauth2/token', {
        grant_type: 'client_credentials',
        client_assertion_type: JWT_SPIFFE,
        client_assertion: assertion,
        resource: ORDERS,
        ...form,
      }),
    byX509: (held, form = {}) =>
      journey.api(held).postForm('/oauth2/token', {
        grant_type: 'client_credentials',
        client_id: held.spiffeId,
        resource: ORDERS,
        ...form,
      }),
  };
};

/** Every error keeps to RFC 6749 §5.2. */
export const expectOauthError = (answer: Answered, expected: string): void => {
  expect([oauthCode(answer), answer.text]).toEqual([expected, answer.text]);
  expect(answer.headers['content-type']).toBe('application/json'); // AS-06
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(String(answer.json()['error_description'])).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/); // CC-20
  expect(Object.keys(answer.json()).sort()).toEqual(['error', 'error_description']);
};
