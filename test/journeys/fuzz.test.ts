import * as fc from 'fast-check';
import type { Answered } from '../support/http.ts';
import type { Client } from '../support/journey-client.ts';
import { csrOf, type Held } from '../support/journey.ts';
import { JWT_SPIFFE, ORDERS, type OauthWorld, startOauthWorld } from '../support/journey-oauth.ts';
import { newKey } from '../support/x509.ts';

/** Whatever is sent, the answer is one of ours, in JSON, and never our fault. */
let world: OauthWorld;
let web: Held;
let webClient: Client;
let agentClient: Client;
let publicClient: Client;
let assertion: string;

beforeAll(async () => {
  world = await startOauthWorld();
  web = await world.svid('web');
  webClient = world.journey.api(web);
  agentClient = world.agentClient;
  publicClient = world.journey.public();
  assertion = await world.assertion('web');
});

afterAll(() => world.journey.stop());

const STATUSES = [200, 400, 401, 403, 404, 405, 409, 412, 413, 415, 429, 503];

const expectOurs = (answer: Answered): void => {
  expect([answer.status, STATUSES.includes(answer.status)]).toEqual([answer.status, true]);
  expect(String(answer.headers['content-type'])).toMatch(/^application\/(problem\+)?json$/);
  expect(answer.json()).toBeInstanceOf(Object);
};

const runs = { numRuns: 150 };

const anything = fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 300 }));

test('any octets as a form', async () => {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  await fc.assert(
    fc.asyncProperty(anything, async (body) => {
      const octets = typeof body === 'string' ? Buffer.from(body) : body;
      expectOurs(await publicClient.ask('/oauth2/token', { method: 'POST', headers, body: octets }));
    }),
    runs,
  );
});

test('a good form with anything in one place', async () => {
  const good = {
    grant_type: 'client_credentials',
    client_assertion_type: JWT_SPIFFE,
    client_assertion: assertion,
    client_id: web.spiffeId,
    resource: ORDERS,
    scope: 'read',
    audience: 'orders',
  };
  const name = fc.constantFrom(...Object.keys(good));
  await fc.assert(
    fc.asyncProperty(name, fc.string({ unit: 'binary' }), async (member, value) => {
      const answer = await publicClient.postForm('/oauth2/token', { ...good, [member]: value });
      expectOurs(answer);
      expect(answer.status).not.toBe(503);
    }),
    runs,
  );
});

test('an assertion that is changed in one place is never believed', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(assertion.length - 1),
      fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '-', '_', '.', '=', '+', ' '),
      async (at, letter) => {
        fc.pre(assertion[at] !== letter);
        const changed = assertion.slice(0, at) + letter + assertion.slice(at + 1);
        const answer = await world.byJwt(changed);
        expect([answer.status, answer.json()['error']]).toEqual([401, 'invalid_client']);
      },
    ),
    runs,
  );
});

const paths = fc.constantFrom('/v1/svids/x509', '/v1/svids/jwt', '/v1/validate', '/v1/attest', '/v1/admin/entries');

test('any JSON to any route', async () => {
  const headers = { 'content-type': 'application/json' };
  await fc.assert(
    fc.asyncProperty(paths, fc.json({ maxDepth: 6 }), fc.boolean(), async (path, body, isAgent) => {
      const client = isAgent ? agentClient : webClient;
      expectOurs(await client.ask(path, { method: 'POST', headers, body }));
    }),
    runs,
  );
});

test('a CSR that is changed in one place gives no other key than the one that signed it', async () => {
  const key = newKey();
  const csr = Buffer.from(csrOf(key), 'base64');
  await fc.assert(
    fc.asyncProperty(fc.nat(csr.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const changed = Buffer.from(csr);
      changed[at] = (changed[at] ?? 0) ^ change;
      const item = { csr: changed.toString('base64'), entryId: 'web' };
      const answer = await agentClient.postJson('/v1/svids/x509', { items: [item] });
      expect([answer.status, ['invalid_csr', 'unsupported_key'].includes(String(answer.json()['code']))]).toEqual([
        400,
        true,
      ]);
    }),
    runs,
  );
});

test('any path and method', async () => {
  const segment = fc.stringMatching(/^[A-Za-z0-9%._~!$&'()*+,;=:@-]{0,12}$/);
  const method = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS');
  const prefix = fc.constantFrom('', '/v1', '/v1/admin', '/v1/admin/entries', '/oauth2', '/.well-known');
  await fc.assert(
    fc.asyncProperty(prefix, fc.array(segment, { minLength: 1, maxLength: 3 }), method, async (start, parts, verb) => {
      const answer = await agentClient.ask(`${start}/${parts.join('/')}`, { method: verb });
      if (answer.text !== '') expectOurs(answer);
      expect(answer.status).toBeLessThan(500);
    }),
    runs,
  );
});

test('nothing of all that was an error of ours', () => {
  expect(world.journey.log.lines.filter(({ message }) => message === 'a request failed')).toEqual([]);
});
