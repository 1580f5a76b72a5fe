import type { Answered } from '../support/http.ts';
import type { Client } from '../support/journey-client.ts';
import type { Held } from '../support/journey.ts';
import {
  decodePart,
  expectOauthError,
  JWT_SPIFFE,
  ORDERS,
  oauthCode,
  type OauthWorld,
  startOauthWorld,
} from '../support/journey-oauth.ts';

/** The token endpoint as RFC 6749, RFC 8707 and our own rules have it: what is asked, and what is answered. */
let world: OauthWorld;
let web: Held;
let client: Client;
let publicClient: Client;

beforeAll(async () => {
  world = await startOauthWorld();
  web = await world.svid('web');
  client = world.journey.api(web);
  publicClient = world.journey.public();
});

afterAll(() => world.journey.stop());

const form = (more: Record<string, string> = {}): Record<string, string> => ({
  grant_type: 'client_credentials',
  client_id: web.spiffeId,
  resource: ORDERS,
  ...more,
});

const send = (body: string, type = 'application/x-www-form-urlencoded', path = '/oauth2/token'): Promise<Answered> =>
  client.ask(path, { method: 'POST', headers: { 'content-type': type }, body });

const encoded = (more: Record<string, string> = {}): string => new URLSearchParams(form(more)).toString();

test('a valid request is answered as CC-16 and CC-17 have it', async () => {
  const answer = await client.postForm('/oauth2/token', form());
  expect(answer.status).toBe(200);
  expect(answer.headers['content-type']).toBe('application/json');
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(answer.headers['pragma']).toBe('no-cache');
  expect(answer.headers['access-control-allow-origin']).toBeUndefined(); // SB-09
  const body = answer.json();
  expect(Object.keys(body).sort()).toEqual(['access_token', 'expires_in', 'scope', 'token_type']); // AS-02
  expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 300, scope: 'read' });
  const claims = decodePart(String(body['access_token']), 1) as { exp: number; iat: number };
  expect(claims.exp - claims.iat).toBe(300);
});

test('the token says exactly what RFC 9068 asks', async () => {
  const answer = await client.postForm('/oauth2/token', form({ scope: 'read write' }));
  const token = String(answer.json()['access_token']);
  const header = decodePart(token, 0);
  expect(Object.keys(header).sort()).toEqual(['alg', 'kid', 'typ']);
  expect(header).toMatchObject({ alg: 'ES256', typ: 'at+jwt' }); // AT-01
  const claims = decodePart(token, 1);
  expect(Object.keys(claims).sort()).toEqual([
    'aud',
    'client_id',
    'cnf',
    'exp',
    'iat',
    'iss',
    'jti',
    'region',
    'scope',
    'sub',
  ]);
  expect(claims).toMatchObject({
    iss: world.issuer,
    sub: web.spiffeId,
    client_id: web.spiffeId,
    aud: ORDERS,
    scope: 'read write',
    region: 'eu',
  });
  expect(answer.json()['expires_in']).toBe(60); // the shortest scope decides
  expect(answer.json()['scope']).toBe('read write');
});

describe('what is not a form', () => {
  const cases: [string, string, string][] = [
    ['JSON', 'application/json', JSON.stringify({ grant_type: 'client_credentials' })],
    ['plain text', 'text/plain', 'grant_type=client_credentials'],
    ['multipart', 'multipart/form-data; boundary=x', '--x--'],
    ['another charset', 'application/x-www-form-urlencoded; charset=iso-8859-1', 'grant_type=client_credentials'],
    ['no type at all', '', 'grant_type=client_credentials'],
  ];
  test.each(cases)('%s is invalid_request', async (_name, type, body) => {
    expectOauthError(await send(body, type), '400 invalid_request'); // CC-01
  });

  test('a charset that says UTF-8 is fine', async () => {
    const answer = await send(encoded(), 'application/x-www-form-urlencoded; charset=UTF-8');
    expect(answer.status).toBe(200);
  });
});

describe('parameters', () => {
  test.each(['client_secret', 'client_assertion', 'assertion', 'subject_token', 'actor_token', 'token'])(
    'the credential %s in the query is invalid_request, and not logged',
    async (name) => {
      const answer = await send(encoded(), undefined, `/oauth2/token?${name}=canary-in-the-query`); // CC-02
      expectOauthError(answer, '400 invalid_request');
      expect(answer.text).not.toContain('canary');
      expect(JSON.stringify(world.journey.log.lines)).not.toContain('canary-in-the-query');
    },
  );

  test('everything else in the query counts for nothing', async () => {
    const answer = await send(encoded(), undefined, '/oauth2/token?scope=write&grant_type=password&client_id=x'); // CC-02
    expect([answer.status, answer.json()['scope']]).toEqual([200, 'read']);
    const bare = await send('', undefined, `/oauth2/token?${encoded()}`);
    expectOauthError(bare, '400 invalid_request');
  });

  test('an empty value is no value', async () => {
    const answer = await send(`${encoded()}&scope=&audience=&client_secret=`); // CC-03
    expect([answer.status, answer.json()['scope']]).toEqual([200, 'read']);
    expectOauthError(await send('grant_type='), '400 invalid_request');
  });

  test('what is unknown is ignored', async () => {
    expect((await send(`${encoded()}&requested=anything&sub=spiffe%3A%2F%2Fexample.org%2Fadmin&exp=9`)).status).toBe(
      200,
    ); // CC-04, SB-06
  });

  test.each(['grant_type=client_credentials', 'scope=read&scope=read', 'foo=1&foo=2', 'client_id=a'])(
    'a repeated parameter is invalid_request: %s',
    async (more) => {
      expectOauthError(await send(`${encoded()}&${more}`), '400 invalid_request'); // CC-05
    },
  );

  test.each(['scope=%ZZ', 'scope=%', 'scope=%C3%28', 'x=%ED%A0%80', '%FF=1'])('%s is malformed', async (more) => {
    expectOauthError(await send(`${encoded()}&${more}`), '400 invalid_request'); // CC-06
  });

  test('octets that are not UTF-8 are malformed', async () => {
    const body = Buffer.concat([Buffer.from(`${encoded()}&x=`), Buffer.from([0xff, 0xfe])]);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    expectOauthError(await client.ask('/oauth2/token', { method: 'POST', headers, body }), '400 invalid_request');
  });

  test('the grant type', async () => {
    const { grant_type: _none, ...without } = form();
    expectOauthError(await client.postForm('/oauth2/token', without), '400 invalid_request'); // CC-07
    for (const grant of [
      'password',
      'authorization_code',
      'refresh_token',
      'implicit',
      'CLIENT_CREDENTIALS',
      'urn:ietf:params:oauth:grant-type:device_code',
      'urn:openid:params:grant-type:ciba',
    ]) {
      expectOauthError(
        await client.postForm('/oauth2/token', form({ grant_type: grant })),
        '400 unsupported_grant_type',
      ); // AS-01
    }
  });
});

test('a client without any grant is unauthorized_client', async () => {
  const none = await world.svid('none');
  expectOauthError(await world.byX509(none, { scope: 'read' }), '400 unauthorized_client'); // CC-09
  expectOauthError(await world.byX509(world.agent, { scope: 'read' }), '400 unauthorized_client');
});

test('sizes are bounded before anything is looked at', async () => {
  const large = await send(`x=${'a'.repeat(64 * 1024)}`);
  expect([large.status, large.json()['error']]).toEqual([413, 'invalid_request']); // AS-07
  const assertion = { client_assertion_type: JWT_SPIFFE, client_assertion: `${'a'.repeat(16 * 1024)}.b.c` };
  expectOauthError(await publicClient.postForm('/oauth2/token', form(assertion)), '400 invalid_request');
  const many = Array.from({ length: 70 }, (_, at) => `&p${at}=1`).join('');
  expectOauthError(await send(`${encoded()}${many}`), '400 invalid_request');
});

test('another method is 405 with Allow, an unknown path 404, and nothing is HTML', async () => {
  for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    const answer = await client.ask('/oauth2/token', { method, headers: { accept: 'text/html' } });
    expect([answer.status, answer.headers['allow']]).toEqual([405, 'POST']); // AS-05
    expect(answer.headers['content-type']).toBe('application/json');
  }
  for (const path of ['/oauth2/token/', '/oauth2/Token', '/oauth2/introspect', '/authorize', '/oauth2/%zz']) {
    const answer = await publicClient.ask(path, { headers: { accept: 'text/html' } });
    expect([path, answer.status >= 400 && answer.status < 405]).toEqual([path, true]);
    expect(String(answer.headers['content-type'])).toMatch(/json$/); // AS-06
  }
  const html = await client.ask('/oauth2/token', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html' },
    body: 'grant_type=password',
  });
  expectOauthError(html, '400 unsupported_grant_type');
});

test('the authorization endpoint refuses every method, reads nothing, redirects nowhere', async () => {
  const query = '?response_type=code&redirect_uri=https%3A%2F%2Fevil.example&state=canary';
  for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH']) {
    const answer = await publicClient.ask(`/oauth2/authorize${query}`, { method });
    expect(oauthCode(answer)).toBe('400 unsupported_response_type'); // DEC-48
    expect([answer.headers['location'], answer.headers['set-cookie']]).toEqual([undefined, undefined]);
    expect(answer.text).not.toContain('canary');
  }
});
