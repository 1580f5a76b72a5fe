import type { Answered } from '../support/http.ts';
import type { Client } from '../support/journey-client.ts';
import { csrOf, type Held, heldFrom, recordedFacts } from '../support/journey.ts';
import { ORDERS, type OauthWorld, startOauthWorld } from '../support/journey-oauth.ts';
import { newKey } from '../support/x509.ts';

/**
 * P2 over two front ends: once a revocation is acknowledged, nothing is issued for its target, and no validation says that it
 * is good, whichever thread answers and however many are asking meanwhile.
 */
const CONNECTIONS = 16;
let world: OauthWorld;
/** Connections of the agent, spread by the kernel over both front ends. */
let agents: readonly Client[];
let validators: readonly Client[];

beforeAll(async () => {
  world = await startOauthWorld({ frontEnds: 2 });
  const { journey, agent } = world;
  await journey.entry('ops', { admin: { role: 'viewer', prefix: 'spiffe://example.org' } });
  const ops = await journey.attest({ entry: 'ops' });
  agents = Array.from({ length: CONNECTIONS }, () => journey.api(agent));
  validators = Array.from({ length: CONNECTIONS }, () => journey.api(ops));
});

afterAll(() => world.journey.stop());

interface Issued {
  readonly id: string;
  readonly index: number;
  /** PEM or compact JWS. */
  readonly credential: string;
}

const csr = csrOf(newKey());

/** One credential of either kind for the entry, and what it is known by; nothing when it was refused. */
const issueOnce = async (client: Client, entryId: string, round: number): Promise<Issued | Answered> => {
  const isX509 = round % 2 === 0;
  const answer = isX509
    ? await client.postJson('/v1/svids/x509', { items: [{ csr, entryId }] })
    : await client.postJson('/v1/svids/jwt', { items: [{ audience: [world.issuer], entryId }] });
  if (answer.status !== 200) return answer;
  type Item = { serial?: string; jti?: string; chain?: string[]; token?: string; ledger: { index: number } };
  const [item] = (answer.json() as unknown as { items: Item[] }).items;
  return {
    id: item?.serial ?? item?.jti ?? '',
    index: item?.ledger.index ?? -1,
    credential: item?.token ?? item?.chain?.[0] ?? '',
  };
};

const isRefused = (outcome: Issued | Answered): outcome is Answered => 'status' in outcome;

const codeOf = (answer: Answered): string =>
  `${answer.status} ${String(answer.json()['code'] ?? answer.json()['error'])}`;

test('fifty issuers while the identity is revoked: the ledger says where the line is, and nobody is past it', async () => {
  const held: Issued[] = [];
  const refused: Answered[] = [];
  const signal = { stop: false };
  const issuer = async (at: number): Promise<void> => {
    for (let round = at; !signal.stop; round += 1) {
      const client = agents[round % CONNECTIONS];
      if (!client) return;
      const outcome = await issueOnce(client, 'web', round);
      if (isRefused(outcome)) refused.push(outcome);
      else held.push(outcome);
      if (refused.length > 200) return;
    }
  };
  const running = Promise.all(Array.from({ length: 50 }, (_, at) => issuer(at)));
  while (held.length < 150) await new Promise((resolve) => setImmediate(resolve));
  const { index, id } = await world.journey.revoke({ kind: 'identity', value: 'spiffe://example.org/web' });
  // Acknowledged: from here on every connection, on each front end, refuses at once.
  const asked = await Promise.all(
    agents.flatMap((client, at) => [issueOnce(client, 'web', at), issueOnce(client, 'web', at + 1)]),
  );
  signal.stop = true;
  await running;
  expect(asked.map((outcome) => (isRefused(outcome) ? codeOf(outcome) : 'issued'))).toEqual(
    asked.map(() => '403 revoked'),
  );
  expect(new Set(refused.map(codeOf))).toEqual(new Set(['403 revoked']));
  // Nothing above the line was ever recorded or held.
  expect(held.filter((each) => each.index > index)).toEqual([]);
  const facts = recordedFacts(world.journey.dataDir);
  const after = facts.filter(
    ({ cursor, fact }) => cursor.index > index && fact?.kind === 'issued' && fact.entry === 'web',
  );
  expect(after).toEqual([]);
  // P1: what anyone holds is on record, at the place that it was told.
  const issued = new Map(
    facts.flatMap(({ fact, cursor }) => (fact?.kind === 'issued' ? [[fact.id as string, cursor.index]] : [])),
  );
  for (const each of held) expect(issued.get(each.id)).toBe(each.index);
  expect(new Set(held.map((each) => each.id)).size).toBe(held.length); // P3
  // And each of them is dead on every front end.
  const some = held.filter((_, at) => at % 10 === 0);
  const verdicts = await Promise.all(
    some.flatMap(({ credential }) =>
      validators.slice(0, 4).map((client) => client.postJson('/v1/validate', { credential })),
    ),
  );
  expect(new Set(verdicts.map((answer) => answer.json()['status']))).toEqual(new Set(['revoked']));
  await world.journey.administer('POST', `/v1/admin/revocations/${id}/release`);
}, 20_000);

test('the moment it is acknowledged every front end knows, for each way to use a credential', async () => {
  const { journey } = world;
  for (let round = 0; round < 5; round += 1) {
    const id = `w${round}`;
    const grants = [{ resource: ORDERS, scopes: ['read'], defaultScopes: ['read'], bearer: true }];
    await journey.entry(id, { parentId: world.agent.spiffeId, grants });
    const key = newKey();
    const answer = await world.agentClient.postJson('/v1/svids/x509', { items: [{ csr: csrOf(key), entryId: id }] });
    const held: Held = heldFrom((answer.json() as { items: unknown[] }).items[0], key);
    const assertion = await world.assertion(id);
    const clients = Array.from({ length: 8 }, () => journey.api(held));
    const publics = Array.from({ length: 8 }, () => journey.public());
    const byX509 = { grant_type: 'client_credentials', client_id: held.spiffeId, resource: ORDERS };
    const byJwt = {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe',
      client_assertion: assertion,
      resource: ORDERS,
    };
    const useAll = () =>
      Promise.all([
        ...clients.map((client) => client.postForm('/oauth2/token', byX509)),
        ...publics.map((client) => client.postForm('/oauth2/token', byJwt)),
      ]);
    const before = await useAll();
    expect(before.map(({ status }) => status)).toEqual(before.map(() => 200));
    const tokens = before.map((each) => String(each.json()['access_token']));
    await journey.revoke({ kind: 'prefix', value: `spiffe://example.org/${id}` });
    const after = await useAll();
    expect(after.map(codeOf)).toEqual(after.map(() => '401 invalid_client'));
    const verdicts = await Promise.all(
      validators.map((client, at) => client.postJson('/v1/validate', { credential: tokens[at % tokens.length] })),
    );
    expect(verdicts.map((each) => each.json()['status'])).toEqual(verdicts.map(() => 'revoked'));
  }
}, 20_000);

test('a release is known as fast', async () => {
  const target = { kind: 'entry', value: 'one' };
  for (let round = 0; round < 5; round += 1) {
    const { id } = await world.journey.revoke(target, { mode: 'hold' });
    const barred = await Promise.all(agents.map((client, at) => issueOnce(client, 'one', at)));
    expect(barred.every(isRefused)).toBe(true);
    await world.journey.administer('POST', `/v1/admin/revocations/${id}/release`);
    const freed = await Promise.all(agents.map((client, at) => issueOnce(client, 'one', at)));
    expect(freed.filter(isRefused).map(codeOf)).toEqual([]);
  }
});

test('a changed entry counts on every front end from the moment it is answered', async () => {
  const { journey } = world;
  for (let round = 0; round < 5; round += 1) {
    const under = { parentId: world.agent.spiffeId, selectors: ['test:1'], jwtAudiences: [`a${round}`] };
    await journey.entry(`c${round}`, under);
    const changed = { ...under, spiffeId: `spiffe://example.org/c${round}`, jwtAudiences: [`b${round}`] };
    await journey.administer('PUT', `/v1/admin/entries/c${round}`, changed);
    const ask = (audience: string) =>
      Promise.all(
        agents.map((client) =>
          client.postJson('/v1/svids/jwt', { items: [{ audience: [audience], entryId: `c${round}` }] }),
        ),
      );
    expect((await ask(`a${round}`)).map(codeOf)).toEqual(agents.map(() => '403 forbidden'));
    expect((await ask(`b${round}`)).map(({ status }) => status)).toEqual(agents.map(() => 200));
    await journey.administer('DELETE', `/v1/admin/entries/c${round}`);
    expect((await ask(`b${round}`)).map(codeOf)).toEqual(agents.map(() => '403 no_identity'));
  }
});

test('there were two front ends', () => {
  expect(world.journey.facts('server-started').at(-1)?.frontEnds).toBe(2);
});
