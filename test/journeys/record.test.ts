import { ledgerFile, openForReading } from '../../src/adapters/sqlite/open.ts';
import { unpackText } from '../../src/adapters/sqlite/packed-text.ts';
import { encodePem } from '../../src/formats/pem.ts';
import { csrOf, type Held, heldFrom, recordedFacts } from '../support/journey.ts';
import { JWT_SPIFFE, ORDERS, type OauthWorld, startOauthWorld } from '../support/journey-oauth.ts';
import type { Client } from '../support/journey-client.ts';
import { type Act, act, CANARY, entry, resource, resourcePath } from '../support/recorded-acts.ts';
import { newKey } from '../support/x509.ts';

/** TL-16: what each call leaves in the log, for every route that there is. TL-15: and what never stands there. */
let world: OauthWorld;
let web: Held;
let agentClient: Client;
let webClient: Client;

beforeAll(async () => {
  world = await startOauthWorld({
    configure: (server) => ({ ...server, names: { commonNames: ['canary-*'], dnsNames: ['*.canary.example'] } }),
  });
  web = await world.svid('web');
  agentClient = world.agentClient;
  webClient = world.journey.api(web);
  await world.journey.entry('looker', { admin: { role: 'viewer', prefix: 'spiffe://example.org/nothing' } });
});

afterAll(() => world.journey.stop());

const admin = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object) =>
  world.journey.administer<Record<string, never>>(method, path, body);

/** What an operator is refused leaves nothing but the answer. */
const refused = (work: Promise<unknown>): Promise<unknown> =>
  expect(work).rejects.toMatchObject({ name: 'ServerRefusal' });

const agentPath = (id: string) => `/v1/admin/agents/${encodeURIComponent(id)}`;

/** What one act gives to a later one. */
const memory = new Map<string, string>();
const remembered = (name: string): string => memory.get(name) ?? 'nothing';

const revokeCanary = { target: { kind: 'identity', value: `spiffe://example.org/${CANARY}-path` }, confirm: true };

const prepareClone = async (): Promise<void> => {
  const held = await world.journey.attest({ agent: 'cloned' });
  const renew = () => world.journey.api(held).postJson('/v1/svids/x509', { items: [{ csr: csrOf(newKey()) }] });
  await renew();
  await renew();
  memory.set('cloned', held.spiffeId);
};

const prepareRenewal = async (): Promise<Held> => {
  const old = await world.journey.attest({ agent: 'renewing' });
  const key = newKey();
  const answer = await world.journey.api(old).postJson('/v1/svids/x509', { items: [{ csr: csrOf(key) }] });
  return heldFrom((answer.json() as { items: unknown[] }).items[0], key);
};

const spareKey = async (): Promise<string> => {
  const { authorities } = (await admin('GET', '/v1/admin/authorities')) as unknown as {
    authorities: { id: string; purpose: string; state: string }[];
  };
  return authorities.find(({ purpose, state }) => purpose === 'jwt-svid' && state === 'prepared')?.id ?? '';
};

const postEntries = 'POST /v1/admin/entries';
const putEntry = 'PUT /v1/admin/entries/{id}';
const revocations = 'POST /v1/admin/revocations';
const releaseRoute = 'POST /v1/admin/revocations/{id}/release';
const authorities = 'POST /v1/admin/authorities';

const acts: readonly Act[] = [
  act('POST /v1/admin/join-tokens', 'a join token', ['join-token-created'], async () => {
    memory.set('token', await world.journey.joinToken({ agent: `${CANARY}-agent` }));
  }),
  act('POST /v1/admin/join-tokens', 'for an entry that is not there', [], () =>
    refused(world.journey.joinToken({ entry: 'nowhere' })),
  ),
  act('POST /v1/attest', 'good evidence', ['attested', 'decided', 'issued'], async () => {
    memory.set('agent', String((await world.journey.redeem(remembered('token'), newKey())).json()['spiffeId']));
  }),
  act('POST /v1/attest', 'bad evidence', ['denied'], () => world.journey.redeem('x', newKey())),
  act('POST /v1/attest/challenge', 'a challenge', [], () =>
    world.journey.api().ask('/v1/attest/challenge', { method: 'POST' }),
  ),
  act('POST /v1/svids/x509', 'one granted, one refused', ['issued', 'denied'], () =>
    agentClient.postJson('/v1/svids/x509', {
      items: [
        { csr: csrOf(newKey()), entryId: 'web' },
        { csr: csrOf(newKey()), entryId: `${CANARY}-entry` },
      ],
    }),
  ),
  act('POST /v1/svids/x509', 'no certificate', ['denied'], () =>
    world.journey.api().postJson('/v1/svids/x509', { items: [{ csr: csrOf(newKey()) }] }),
  ),
  act('POST /v1/svids/x509', 'a body that is none', [], () => agentClient.postJson('/v1/svids/x509', [])),
  act('POST /v1/svids/jwt', 'one granted, one refused', ['issued', 'denied'], () =>
    agentClient.postJson('/v1/svids/jwt', {
      items: [{ audience: [`${CANARY}-audience`], entryId: 'web' }, { audience: [`${CANARY}-audience`] }],
    }),
  ),
  act(
    'POST /v1/svids/jwt',
    'the first use of a successor',
    ['superseded', 'denied'],
    async () => {
      const held = JSON.parse(remembered('successor')) as Held;
      await world.journey.api(held).postJson('/v1/svids/jwt', { items: [{ audience: ['x'], entryId: 'web' }] });
    },
    async () => memory.set('successor', JSON.stringify(await prepareRenewal())),
  ),
  act('POST /oauth2/token', 'granted', ['issued'], () => world.byX509(web)),
  act('POST /oauth2/token', 'not granted', ['denied'], () => world.byX509(web, { scope: `${CANARY}-scope` })),
  act('POST /oauth2/token', 'a client that nobody knows', ['denied'], () =>
    world.journey.public().postForm('/oauth2/token', {
      grant_type: 'client_credentials',
      client_assertion_type: JWT_SPIFFE,
      client_assertion: `${CANARY}.${CANARY}.${CANARY}`,
    }),
  ),
  act('POST /v1/validate', 'its own', [], () =>
    webClient.postJson('/v1/validate', { credential: encodePem('CERTIFICATE', web.chain[0] ?? Buffer.alloc(0)) }),
  ),
  act('POST /v1/validate', 'another’s', ['denied'], () =>
    agentClient.postJson('/v1/validate', { credential: encodePem('CERTIFICATE', web.chain[0] ?? Buffer.alloc(0)) }),
  ),
  act('POST /v1/admin/validate', 'by an operator', [], () => admin('POST', '/v1/admin/validate', { credential: 'x' })),
  act(postEntries, 'a new entry', ['entry-created'], () =>
    admin('POST', '/v1/admin/entries', { id: CANARY, ...entry() }),
  ),
  act(postEntries, 'the same id again', [], () =>
    refused(admin('POST', '/v1/admin/entries', { id: CANARY, ...entry() })),
  ),
  act(
    postEntries,
    'by who may not',
    ['denied'],
    async () => {
      const looker = JSON.parse(remembered('looker')) as Held;
      await world.journey.api(looker).postJson('/v1/admin/entries', entry());
    },
    async () => memory.set('looker', JSON.stringify(await world.journey.attest({ entry: 'looker' }))),
  ),
  act(postEntries, 'by whom nobody knows', ['denied'], () =>
    world.journey.api().postJson('/v1/admin/entries', entry()),
  ),
  act(putEntry, 'changed', ['entry-updated'], () =>
    admin('PUT', `/v1/admin/entries/${CANARY}`, entry({ x509Ttl: 600 })),
  ),
  act(putEntry, 'as it is', [], () => admin('PUT', `/v1/admin/entries/${CANARY}`, entry({ x509Ttl: 600 }))),
  act('DELETE /v1/admin/entries/{id}', 'an entry', ['entry-deleted'], () =>
    admin('DELETE', `/v1/admin/entries/${CANARY}`),
  ),
  act('POST /v1/admin/resources', 'a new resource', ['resource-created'], () =>
    admin('POST', '/v1/admin/resources', resource),
  ),
  act('PUT /v1/admin/resources/{name}', 'changed', ['resource-updated'], () => {
    const { identifier: _none, ...rest } = resource;
    return admin('PUT', resourcePath, { ...rest, scopes: [{ name: `${CANARY}-scope`, maxTtl: 60 }] });
  }),
  act('DELETE /v1/admin/resources/{name}', 'a resource', ['resource-deleted'], () => admin('DELETE', resourcePath)),
  act('POST /v1/admin/plan', 'a plan', [], async () => {
    memory.set(
      'digest',
      (await admin('POST', '/v1/admin/plan', { entries: [entry()], resources: [resource] }))['digest'] ?? '',
    );
  }),
  act('POST /v1/admin/apply', 'what was planned', ['resource-created', 'entry-created'], () =>
    admin('POST', '/v1/admin/apply', { entries: [entry()], resources: [resource], digest: remembered('digest') }),
  ),
  act('POST /v1/admin/apply', 'another plan', [], () =>
    refused(admin('POST', '/v1/admin/apply', { entries: [entry()], digest: '0'.repeat(64) })),
  ),
  act('POST /v1/admin/revocations/preview', 'a preview', [], () =>
    admin('POST', '/v1/admin/revocations/preview', { target: revokeCanary.target }),
  ),
  act(revocations, 'a revocation', ['revoked'], async () => {
    memory.set('revocation', (await world.journey.revoke(revokeCanary.target)).id);
  }),
  act(revocations, 'the same again', [], () => admin('POST', '/v1/admin/revocations', revokeCanary)),
  act(releaseRoute, 'a release', ['revocation-released'], () =>
    admin('POST', `/v1/admin/revocations/${remembered('revocation')}/release`),
  ),
  act(releaseRoute, 'the same again', [], () =>
    admin('POST', `/v1/admin/revocations/${remembered('revocation')}/release`),
  ),
  act('POST /v1/admin/agents/{id}/evict', 'an agent', ['revoked'], () =>
    admin('POST', `${agentPath(remembered('agent'))}/evict`, { confirm: true }),
  ),
  act('POST /v1/admin/agents/{id}/ban', 'an agent', ['revoked'], () =>
    admin('POST', `${agentPath(remembered('agent'))}/ban`, { confirm: true }),
  ),
  act('POST /v1/admin/agents/purge/preview', 'who is dead', [], () => admin('POST', '/v1/admin/agents/purge/preview')),
  act('POST /v1/admin/agents/purge', 'while nobody is dead', [], () =>
    admin('POST', '/v1/admin/agents/purge', { confirm: true }),
  ),
  act(
    'POST /v1/admin/agents/{id}/unlock',
    'a cloned agent',
    ['revocation-released'],
    () => admin('POST', `${agentPath(remembered('cloned'))}/unlock`),
    prepareClone,
  ),
  act('POST /v1/admin/authorities/preview', 'a preview', [], () =>
    admin('POST', '/v1/admin/authorities/preview', { kind: 'prepare', purpose: 'jwt-svid' }),
  ),
  act(authorities, 'a spare', ['authority-prepared'], () =>
    admin('POST', '/v1/admin/authorities', { kind: 'prepare', purpose: 'access-token' }),
  ),
  act(authorities, 'a taint of a spare, and a new spare', ['authority-prepared', 'authority-tainted'], async () =>
    admin('POST', '/v1/admin/authorities', {
      kind: 'taint',
      id: await spareKey(),
      reason: `${CANARY}-reason`,
      confirm: true,
      force: true,
    }),
  ),
  act('POST /v1/admin/authorities/request', 'without an offline root', [], () =>
    refused(admin('POST', '/v1/admin/authorities/request')),
  ),
  act('POST /v1/admin/authorities/install', 'without an offline root', [], () =>
    refused(admin('POST', '/v1/admin/authorities/install', { certificate: web.cert })),
  ),
];

describe('what a call leaves in the log', () => {
  test.each(acts.map((each) => [each.route, each.what, each] as const))('%s: %s', async (_route, _what, each) => {
    await each.first?.();
    const before = world.journey.size();
    await each.act();
    const kinds = recordedFacts(world.journey.dataDir, before).map(({ kind }) => kind);
    expect([...kinds].sort()).toEqual([...each.leaves].sort()); // TL-16
  });
});

interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
}

test('every route that may change something is in the table; reading leaves nothing', async () => {
  const { paths } = (await world.journey.public().ask('/openapi.json')).json() as unknown as ApiDocument;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
  );
  const named = new Set(acts.map(({ route }) => route));
  const changing = operations.filter(({ method, path }) => method !== 'GET' && path !== '/oauth2/authorize');
  expect(changing.map(({ method, path }) => `${method} ${path}`).filter((route) => !named.has(route))).toEqual([]);
  const before = world.journey.size();
  for (const { method, path } of operations) {
    if (method !== 'GET' && path !== '/oauth2/authorize') continue;
    const concrete = path.replaceAll(/\{\w+\}/g, '0'.repeat(32));
    const isAdmin = concrete.startsWith('/v1/admin') || concrete === '/metrics';
    if (isAdmin) await world.journey.administer('GET', concrete).catch(() => undefined);
    else await world.journey.public().ask(concrete, { method });
  }
  expect(world.journey.size()).toBe(before);
});

test('there is a row for each issuance on record, and none beside', () => {
  const issued = world.journey.facts('issued').map(({ id }) => id);
  const db = openForReading(ledgerFile(world.journey.dataDir));
  const rows = db.prepare<[], { id: Buffer }>('SELECT id FROM credential ORDER BY idx').all();
  db.close();
  expect(rows.map(({ id }) => id.toString('hex'))).toEqual(issued); // TL-16
});

test('no leaf names a person, a machine or a workload', () => {
  const db = openForReading(ledgerFile(world.journey.dataDir));
  const leaves = db.prepare<[], { leaf: Buffer }>('SELECT leaf FROM log_entry').all();
  const details = db.prepare<[], { detail: Buffer }>('SELECT detail FROM audit_detail').all();
  db.close();
  const all = (rows: readonly Buffer[]): string => Buffer.concat(rows.map(unpackText)).toString('latin1');
  const [clear, erasable] = [all(leaves.map(({ leaf }) => leaf)), all(details.map(({ detail }) => detail))];
  const words = [CANARY, 'spiffe://', '127.0.0.1', 'uid:', ORDERS, 'join_token:', 'unix:', 'test:1', 'node'];
  for (const word of words) expect([word, clear.includes(word)]).toEqual([word, false]); // TL-15
  // The canaries did come by: they are where they can be erased.
  for (const part of ['path', 'selector', 'cn', 'hint', 'owner', 'audience', 'scope', 'entry', 'reason', 'agent']) {
    expect([part, erasable.includes(`${CANARY}-${part}`) || erasable.includes(`${CANARY}:${part}`)]).toEqual([
      part,
      true,
    ]);
  }
});
