import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';
import { Journey } from '../support/journey.ts';
import { type OauthWorld, startOauthWorld } from '../support/journey-oauth.ts';
import { testTime } from '../support/journey-time.ts';

/** AT-05, JWT-6: RS256 beside ES256 where an operator switched it on, and nowhere else. */
const LEGACY = 'https://legacy.example.org';
const resource = { identifier: LEGACY, scopes: [{ name: 'read' }], bindings: ['mtls'], algorithm: 'RS256' };

describe('with server.tokens.rs256', () => {
  let world: OauthWorld;
  let journey: Journey;
  beforeAll(async () => {
    world = await startOauthWorld({
      configure: (server) => ({
        ...server,
        api: { ...server.api, url: 'https://mayfly.example.org:8443' },
        tokens: { rs256: true },
      }),
    });
    journey = world.journey;
    await journey.administer('POST', '/v1/admin/resources', resource);
    await journey.entry('old', { parentId: world.agent.spiffeId, grants: [{ resource: LEGACY, scopes: ['read'] }] });
  });
  afterAll(() => journey.stop());

  const json = async <T>(path: string): Promise<T> => (await journey.public().ask(path)).json() as T;
  const keySet = (path: string) => json<JSONWebKeySet>(path);
  const algorithms = async (path: string) =>
    (await keySet(path)).keys.map(({ alg }) => alg ?? '').sort((a, b) => a.localeCompare(b));

  test('both key sets hold an active key and a spare of each algorithm', async () => {
    for (const path of ['/keys', '/oauth2/jwks']) {
      expect(await algorithms(path)).toEqual(['ES256', 'ES256', 'RS256', 'RS256']);
    }
  });

  test('a resource gets its access tokens in the algorithm it names, and others theirs', async () => {
    const answer = await world.byX509(await world.svid('old'), { resource: LEGACY, scope: 'read' });
    expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
    const token = String(answer.json()['access_token']);
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(await keySet('/oauth2/jwks')), {
      issuer: world.issuer,
      audience: LEGACY,
      typ: 'at+jwt',
      algorithms: ['RS256'],
    });
    expect([protectedHeader.alg, payload['scope']]).toEqual(['RS256', 'read']);
    const usual = (await world.byX509(await world.svid('web'))).json();
    expect(decodeProtectedHeader(String(usual['access_token'])).alg).toBe('ES256');
  });

  test('a JWT-SVID is signed with RS256 when asked for, and logs its holder in', async () => {
    const item = { audience: [world.issuer], entryId: 'web', algorithm: 'RS256' };
    const { items } = (await world.agentClient.postJson('/v1/svids/jwt', { items: [item] })).json() as unknown as {
      items: { token: string }[];
    };
    const token = items[0]?.token ?? '';
    const { protectedHeader } = await jwtVerify(token, createLocalJWKSet(await keySet('/keys')));
    expect(protectedHeader.alg).toBe('RS256');
    expect((await world.byJwt(token, { scope: 'read' })).status).toBe(200);
  });

  test('metadata name both, and the address that clients reach the api listener at', async () => {
    const metadata = await json('/.well-known/oauth-authorization-server/oauth2');
    expect(metadata).toMatchObject({
      token_endpoint_auth_signing_alg_values_supported: ['ES256', 'RS256'],
      mtls_endpoint_aliases: { token_endpoint: 'https://mayfly.example.org:8443/oauth2/token' },
    });
    expect(await json('/.well-known/openid-configuration')).toMatchObject({
      id_token_signing_alg_values_supported: ['ES256', 'RS256'],
    });
  });
});

describe('without it', () => {
  let world: OauthWorld;
  beforeAll(async () => {
    world = await startOauthWorld();
  });
  afterAll(() => world.journey.stop());

  test('a resource that names RS256 is refused when it is written', async () => {
    const { journey } = world;
    await expect(journey.administer('POST', '/v1/admin/resources', resource)).rejects.toThrow(
      /algorithm: .*server\.tokens\.rs256/,
    );
    const file = { resources: [resource] };
    await expect(journey.administer('POST', '/v1/admin/plan', file)).rejects.toThrow(
      /algorithm: .*server\.tokens\.rs256/,
    );
  });

  test('a JWT-SVID with RS256 is refused, and there is no such key', async () => {
    const item = { audience: [world.issuer], entryId: 'web', algorithm: 'RS256' };
    const answer = await world.agentClient.postJson('/v1/svids/jwt', { items: [item] });
    expect([answer.status, answer.json()['code']]).toEqual([400, 'invalid_request']);
    const keys = (await world.journey.public().ask('/keys')).json() as unknown as JSONWebKeySet;
    expect(keys.keys.map(({ alg }) => alg)).toEqual(['ES256', 'ES256']);
  });
});

test('switched on later, the keys are there at the next start; switched off again, they only serve out their life', async () => {
  const time = testTime();
  const first = await Journey.start(time);
  const { dataDir } = first;
  await first.server.stop();
  const rs256 = (on: boolean) =>
    Journey.start({ ...time, dataDir, configure: (server) => ({ ...server, tokens: { rs256: on } }) });
  const on = await rs256(true);
  expect(on.facts('authority-prepared').filter(({ authority }) => authority.algorithm === 'RS256')).toHaveLength(4);
  await on.stop();
  const off = await rs256(false);
  await time.pass(16 * 86_400_000, 86_400_000 / 4);
  const { keys } = (await off.public().ask('/keys')).json() as unknown as JSONWebKeySet;
  expect(keys.map(({ alg }) => alg)).not.toContain('RS256');
  await off.stop();
  await first.stop();
});
