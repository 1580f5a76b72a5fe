import { encodePem } from '../../src/formats/pem.ts';
import type { Answered } from '../support/http.ts';
import { csrOf, type Held, heldFrom, recordedFacts } from '../support/journey.ts';
import { type OauthWorld, startOauthWorld } from '../support/journey-oauth.ts';
import { newKey } from '../support/x509.ts';

/** What a revocation stops, what it leaves, and what ends it (DEC-6). */
let world: OauthWorld;

beforeAll(async () => {
  world = await startOauthWorld();
});

afterAll(() => world.journey.stop());

const code = (answer: Answered): string =>
  `${answer.status} ${[answer.json()['code'], answer.json()['error']].join('')}`.trim();

const ORDERS_GRANT = {
  resource: 'https://orders.example.org',
  scopes: ['read'],
  defaultScopes: ['read'],
  bearer: true,
};

/** Everything that one workload of an agent holds. */
interface Holder {
  readonly agent: Held;
  readonly entry: string;
  readonly x509: Held;
  readonly jwt: { readonly token: string; readonly jti: string };
  readonly token: string;
}

let made = 0;

const askX509 = (agent: Held, entryId: string, key = newKey()): Promise<Answered> =>
  world.journey.api(agent).postJson('/v1/svids/x509', { items: [{ csr: csrOf(key), entryId }] });

const askJwt = (agent: Held, entryId: string): Promise<Answered> =>
  world.journey.api(agent).postJson('/v1/svids/jwt', { items: [{ audience: [world.issuer], entryId }] });

const firstItem = (answer: Answered): unknown => (answer.json() as { items: unknown[] }).items[0];

const equip = async (agent: Held, entry: string): Promise<Holder> => {
  const key = newKey();
  const x509 = heldFrom(firstItem(await askX509(agent, entry, key)), key);
  const jwt = firstItem(await askJwt(agent, entry)) as Holder['jwt'];
  const granted = (await world.byX509(x509)).json() as { access_token: string };
  return { agent, entry, x509, jwt, token: granted.access_token };
};

/** A new agent and two workloads under it, in folders of their own. */
const newHolders = async (): Promise<readonly [Holder, Holder]> => {
  made += 1;
  const agent = await world.journey.attest({ agent: `a${made}` });
  const under = { parentId: agent.spiffeId, grants: [ORDERS_GRANT] };
  const [web, db] = [`web-${made}`, `db-${made}`];
  await world.journey.entry(web, { ...under, spiffeId: `spiffe://example.org/t${made}/web` });
  await world.journey.entry(db, { ...under, spiffeId: `spiffe://example.org/t${made}x/db` });
  return [await equip(agent, web), await equip(agent, db)];
};

const statusOf = async (credential: string): Promise<string> =>
  (await world.journey.administer<{ status: string }>('POST', '/v1/admin/validate', { credential })).status;

const pem = (held: Held): string => encodePem('CERTIFICATE', held.chain[0] ?? Buffer.alloc(0));

/** How x509, JWT and access token stand. */
const stand = async ({ x509, jwt, token }: Holder): Promise<readonly string[]> => [
  await statusOf(pem(x509)),
  await statusOf(jwt.token),
  await statusOf(token),
];

const VALID = ['valid', 'valid', 'valid'];
const REVOKED = ['revoked', 'revoked', 'revoked'];

/** What the holder still gets: login by certificate, login by JWT, new X.509-SVID, new JWT-SVID. */
const use = async ({ agent, entry, x509, jwt }: Holder): Promise<readonly string[]> => [
  code(await world.byX509(x509)),
  code(await world.byJwt(jwt.token)),
  code(await askX509(agent, entry)),
  code(await askJwt(agent, entry)),
];

const WORKS = ['200', '200', '200', '200'];
const BARRED = ['401 invalid_client', '401 invalid_client', '403 revoked', '403 revoked'];

test('an identity: all that it holds is dead, nothing new is issued, its neighbour goes on', async () => {
  const [web, db] = await newHolders();
  expect([await stand(web), await use(web)]).toEqual([VALID, WORKS]);
  await world.journey.revoke({ kind: 'identity', value: web.x509.spiffeId }, { reason: 'key_compromise' });
  expect([await stand(web), await use(web)]).toEqual([REVOKED, BARRED]);
  expect([await stand(db), await use(db)]).toEqual([VALID, WORKS]);
  const told = await world.journey.administer('POST', '/v1/admin/validate', { credential: web.token });
  expect(told).toMatchObject({ status: 'revoked', reason: 'key_compromise', since: expect.any(Number) }); // DEC-31
});

test('a prefix: whole path segments only', async () => {
  const [web, db] = await newHolders();
  await world.journey.revoke({ kind: 'prefix', value: `spiffe://example.org/t${made}` });
  expect([await stand(web), await use(web)]).toEqual([REVOKED, BARRED]);
  expect([await stand(db), await use(db)]).toEqual([VALID, WORKS]); // t1 does not match t1x
});

test('an entry', async () => {
  const [web, db] = await newHolders();
  await world.journey.revoke({ kind: 'entry', value: web.entry });
  expect([await stand(web), await use(web)]).toEqual([REVOKED, BARRED]);
  expect([await stand(db), await use(db)]).toEqual([VALID, WORKS]);
});

test('an agent: all that came through it, and itself', async () => {
  const [web, db] = await newHolders();
  await world.journey.revoke({ kind: 'agent', value: web.agent.spiffeId });
  const nothing = ['401 invalid_client', '401 invalid_client', '401 unauthenticated', '401 unauthenticated'];
  for (const one of [web, db]) expect([await stand(one), await use(one)]).toEqual([REVOKED, nothing]);
  expect(await statusOf(pem(web.agent))).toBe('revoked');
  const again = await world.journey.joinToken({ agent: web.agent.spiffeId.split('/').at(-1) ?? '' });
  expect(code(await world.journey.redeem(again, newKey()))).toBe('403 revoked');
});

test('a ban is the same with another name; a release lets a new attestation in, and raises nothing from the dead', async () => {
  const [web] = await newHolders();
  const path = `/v1/admin/agents/${encodeURIComponent(web.agent.spiffeId)}`;
  const { revocation } = await world.journey.administer<{ revocation: { id: string } }>('POST', `${path}/ban`, {
    confirm: true,
  });
  expect(await stand(web)).toEqual(REVOKED);
  const name = web.agent.spiffeId.split('/').at(-1) ?? '';
  expect(code(await world.journey.redeem(await world.journey.joinToken({ agent: name }), newKey()))).toBe(
    '403 revoked',
  );
  await world.journey.administer('POST', `/v1/admin/revocations/${revocation.id}/release`);
  expect(await stand(web)).toEqual(REVOKED); // a cutoff is final
  const back = await world.journey.attest({ agent: name });
  expect(code(await askX509(back, web.entry))).toBe('200');
  expect(code(await askX509(web.agent, web.entry))).toBe('401 unauthenticated');
});

test('one credential by serial or jti: only that one, and nothing that its holder gets later', async () => {
  const [web] = await newHolders();
  const { journey } = world;
  await journey.revoke({ kind: 'credential', value: web.x509.serial });
  expect(await stand(web)).toEqual(['revoked', 'valid', 'valid']);
  expect(await use(web)).toEqual(['401 invalid_client', '200', '200', '200']);
  await journey.revoke({ kind: 'credential', value: web.jwt.jti });
  expect(await stand(web)).toEqual(['revoked', 'revoked', 'valid']);
  expect(await use(web)).toEqual(['401 invalid_client', '401 invalid_client', '200', '200']);
  const { id } = await journey.administer<{ id: string }>('POST', '/v1/admin/validate', { credential: web.token });
  await journey.revoke({ kind: 'credential', value: id });
  expect(await stand(web)).toEqual(REVOKED);
});

test('reissue: what is out is dead, and new ones are issued at once', async () => {
  const [web] = await newHolders();
  await world.journey.revoke({ kind: 'identity', value: web.x509.spiffeId }, { mode: 'reissue' });
  expect(await stand(web)).toEqual(REVOKED);
  expect(await use(web)).toEqual(['401 invalid_client', '401 invalid_client', '200', '200']);
  expect(await stand(await equip(web.agent, web.entry))).toEqual(VALID);
});

test('hold: suspended until released, then as before', async () => {
  const [web] = await newHolders();
  const { id } = await world.journey.revoke({ kind: 'identity', value: web.x509.spiffeId }, { mode: 'hold' });
  expect([await stand(web), await use(web)]).toEqual([REVOKED, BARRED]);
  await world.journey.administer('POST', `/v1/admin/revocations/${id}/release`);
  expect([await stand(web), await use(web)]).toEqual([VALID, WORKS]);
});

test('the same again is the same revocation and one fact; a released one can be made again', async () => {
  const [web] = await newHolders();
  const target = { kind: 'identity', value: web.x509.spiffeId };
  const first = await world.journey.revoke(target);
  const before = world.journey.size();
  const second = await world.journey.revoke(target);
  expect([second.id, world.journey.size()]).toEqual([first.id, before]);
  const release = () =>
    world.journey.administer<{ recorded: boolean }>('POST', `/v1/admin/revocations/${first.id}/release`);
  expect((await release()).recorded).toBe(true);
  expect((await release()).recorded).toBe(false);
  expect(code(await askX509(web.agent, web.entry))).toBe('200');
  const third = await world.journey.revoke(target);
  expect(third.id).not.toBe(first.id);
  const kinds = recordedFacts(world.journey.dataDir, before).map(({ kind }) => kind);
  expect(kinds).toEqual(['revocation-released', 'issued', 'revoked']);
});

test('a revocation is previewed, wants consent, and refuses what does not exist', async () => {
  const [web] = await newHolders();
  const target = { kind: 'prefix', value: `spiffe://example.org/t${made}` };
  const preview = await world.journey.administer('POST', '/v1/admin/revocations/preview', { target });
  expect(preview['credentials']).toEqual({ 'x509-svid': 1, 'jwt-svid': 1, 'access-token': 1 });
  const before = world.journey.size();
  const attempt = (body: object) => world.journey.administer('POST', '/v1/admin/revocations', body);
  await expect(attempt({ target })).rejects.toMatchObject({ code: 'confirmation_required' });
  const missing = { kind: 'credential', value: '0'.repeat(32) };
  await expect(attempt({ target: missing, confirm: true })).rejects.toMatchObject({ code: 'not_found' });
  const foreign = { kind: 'identity', value: 'spiffe://other.example/web' };
  await expect(attempt({ target: foreign, confirm: true })).rejects.toMatchObject({ status: expect.any(Number) });
  const server = { kind: 'identity', value: 'not an id' };
  await expect(attempt({ target: server, confirm: true })).rejects.toMatchObject({ code: 'invalid_request' });
  expect(world.journey.size()).toBe(before);
  expect(await stand(web)).toEqual(VALID);
});

test('an open connection is refused at its next request', async () => {
  const [web] = await newHolders();
  const client = world.journey.api(web.x509);
  const ask = () => client.postJson('/v1/validate', { credential: pem(web.x509) });
  expect((await ask()).json()['status']).toBe('valid');
  await world.journey.revoke({ kind: 'identity', value: web.x509.spiffeId });
  expect(code(await ask())).toBe('401 unauthenticated'); // DEC-19
});

test('validation tells a stranger nothing, and of what is not ours that it is unknown', async () => {
  const [web, db] = await newHolders();
  const client = world.journey.api(db.x509);
  const ask = (credential: string) => client.postJson('/v1/validate', { credential });
  expect(code(await ask(web.token))).toBe('403 forbidden');
  expect(code(await ask(pem(web.x509)))).toBe('403 forbidden');
  expect((await ask(db.token)).json()['status']).toBe('valid');
  const [head = '', , signature = ''] = db.token.split('.');
  const changed = `${head}.${Buffer.from('{"sub":"spiffe://example.org/t1/web"}').toString('base64url')}.${signature}`;
  for (const credential of [changed, `${db.token.slice(0, -4)}AAAA`, 'x', `${db.token}x`, 'a.b.c']) {
    expect((await ask(credential)).json()).toEqual({ status: 'unknown' });
  }
});

test('explain names what stood in the way', async () => {
  const [web] = await newHolders();
  const { id } = await world.journey.revoke({ kind: 'entry', value: web.entry });
  const refused = await askX509(web.agent, web.entry);
  const decision = String(refused.json()['decision']);
  const explained = await world.journey.administer<{ revocations: { id: string }[] }>(
    'GET',
    `/v1/admin/explain/${decision}`,
  );
  expect(explained.revocations.map((each) => each.id)).toContain(id);
});
