import type { Answered } from '../support/http.ts';
import type { Client } from '../support/journey-client.ts';
import { type Held, recordedFacts } from '../support/journey.ts';
import {
  decodePart,
  JWT_SPIFFE,
  MAIL,
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

/** Every error keeps to RFC 6749 §5.2. */
const expectError = (answer: Answered, expected: string): void => {
  expect([oauthCode(answer), answer.text]).toEqual([expected, answer.text]);
  expect(answer.headers['content-type']).toBe('application/json'); // AS-06
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(String(answer.json()['error_description'])).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/); // CC-20
  expect(Object.keys(answer.json()).sort()).toEqual(['error', 'error_description']);
};

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
    expectError(await send(body, type), '400 invalid_request'); // CC-01
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
      expectError(answer, '400 invalid_request');
      expect(answer.text).not.toContain('canary');
      expect(JSON.stringify(world.journey.log.lines)).not.toContain('canary-in-the-query');
    },
  );

  test('everything else in the query counts for nothing', async () => {
    const answer = await send(encoded(), undefined, '/oauth2/token?scope=write&grant_type=password&client_id=x'); // CC-02
    expect([answer.status, answer.json()['scope']]).toEqual([200, 'read']);
    const bare = await send('', undefined, `/oauth2/token?${encoded()}`);
    expectError(bare, '400 invalid_request');
  });

  test('an empty value is no value', async () => {
    const answer = await send(`${encoded()}&scope=&audience=&client_secret=`); // CC-03
    expect([answer.status, answer.json()['scope']]).toEqual([200, 'read']);
    expectError(await send('grant_type='), '400 invalid_request');
  });

  test('what is unknown is ignored', async () => {
    expect((await send(`${encoded()}&requested=anything&sub=spiffe%3A%2F%2Fexample.org%2Fadmin&exp=9`)).status).toBe(
      200,
    ); // CC-04, SB-06
  });

  test.each(['grant_type=client_credentials', 'scope=read&scope=read', 'foo=1&foo=2', 'client_id=a'])(
    'a repeated parameter is invalid_request: %s',
    async (more) => {
      expectError(await send(`${encoded()}&${more}`), '400 invalid_request'); // CC-05
    },
  );

  test.each(['scope=%ZZ', 'scope=%', 'scope=%C3%28', 'x=%ED%A0%80', '%FF=1'])('%s is malformed', async (more) => {
    expectError(await send(`${encoded()}&${more}`), '400 invalid_request'); // CC-06
  });

  test('octets that are not UTF-8 are malformed', async () => {
    const body = Buffer.concat([Buffer.from(`${encoded()}&x=`), Buffer.from([0xff, 0xfe])]);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    expectError(await client.ask('/oauth2/token', { method: 'POST', headers, body }), '400 invalid_request');
  });

  test('the grant type', async () => {
    const { grant_type: _none, ...without } = form();
    expectError(await client.postForm('/oauth2/token', without), '400 invalid_request'); // CC-07
    for (const grant of [
      'password',
      'authorization_code',
      'refresh_token',
      'implicit',
      'CLIENT_CREDENTIALS',
      'urn:ietf:params:oauth:grant-type:device_code',
      'urn:openid:params:grant-type:ciba',
    ]) {
      expectError(await client.postForm('/oauth2/token', form({ grant_type: grant })), '400 unsupported_grant_type'); // AS-01
    }
  });
});

describe('scope', () => {
  test.each(['a"b', 'read\twrite', 'read  write', ' read', 'a\\b', 'réad'])('%j is malformed', async (scope) => {
    expectError(await client.postForm('/oauth2/token', form({ scope })), '400 invalid_scope'); // CC-10
  });

  test('is refused by name when it is unknown or not granted, in one text, and never narrowed', async () => {
    const before = world.journey.size();
    const unknown = await client.postForm('/oauth2/token', form({ scope: 'read unknown' }));
    const notGranted = await client.postForm('/oauth2/token', form({ scope: 'read admin' }));
    expectError(unknown, '400 invalid_scope'); // CC-11
    expectError(notGranted, '400 invalid_scope');
    expect(unknown.text.replace('unknown', 'admin')).toBe(notGranted.text); // DEC-55
    expect(unknown.text).not.toContain('read');
    const kinds = recordedFacts(world.journey.dataDir, before).map(({ kind }) => kind);
    expect(kinds).toEqual(['denied', 'denied']);
  });

  test('has a default only where the grant has one', async () => {
    expectError(await client.postForm('/oauth2/token', form({ resource: MAIL })), '400 invalid_scope'); // CC-12
    const named = await client.postForm('/oauth2/token', form({ resource: MAIL, scope: 'send' }));
    expect([named.status, named.json()['scope']]).toEqual([200, 'send']);
  });

  test('is case-sensitive, and of another resource is not granted', async () => {
    expectError(await client.postForm('/oauth2/token', form({ scope: 'Read' })), '400 invalid_scope');
    expectError(await client.postForm('/oauth2/token', form({ scope: 'send' })), '400 invalid_scope'); // DEC-47
  });

  test('more than 64 are refused', async () => {
    const scope = Array.from({ length: 65 }, (_, at) => `s${at}`).join(' ');
    expectError(await client.postForm('/oauth2/token', form({ scope })), '400 invalid_scope'); // AS-07
  });
});

describe('the target', () => {
  const bad = [
    'orders',
    `${ORDERS}#part`,
    '/path',
    'https://',
    'https://unknown.example.org',
    `${ORDERS}/`,
    ORDERS.toUpperCase(),
  ];
  test.each(bad)('%s is invalid_target', async (resource) => {
    expectError(await client.postForm('/oauth2/token', form({ resource })), '400 invalid_target'); // RS-01, RS-02
  });

  test('unknown and not granted are one answer', async () => {
    const one = await world.svid('one');
    const ask = (resource: string) => world.byX509(one, { resource, scope: 'send' });
    const [unknown, notGranted] = [await ask('https://unknown.example.org'), await ask(ORDERS)];
    expectError(unknown, '400 invalid_target');
    expect(notGranted.text).toBe(unknown.text); // RS-02
  });

  test('two targets are invalid_target, even when both are granted; the same one twice is one', async () => {
    const mail = encodeURIComponent(MAIL);
    expectError(await send(`${encoded()}&resource=${mail}`), '400 invalid_target'); // AT-04
    expectError(await send(`${encoded()}&audience=mail`), '400 invalid_target');
    expect((await send(`${encoded()}&resource=${encodeURIComponent(ORDERS)}&audience=orders`)).status).toBe(200);
  });

  test('a logical name goes by audience', async () => {
    const { resource: _none, ...rest } = form({ audience: 'orders' });
    const answer = await client.postForm('/oauth2/token', rest); // RS-04
    expect(decodePart(String(answer.json()['access_token']), 1)['aud']).toBe(ORDERS);
    expectError(await client.postForm('/oauth2/token', { ...rest, audience: 'nobody' }), '400 invalid_target');
  });

  test('none named is the only grant, or invalid_target', async () => {
    const { resource: _none, ...rest } = form();
    expectError(await client.postForm('/oauth2/token', rest), '400 invalid_target');
    const one = await world.svid('one');
    const answer = await world.journey.api(one).postForm('/oauth2/token', {
      grant_type: 'client_credentials',
      client_id: one.spiffeId,
      scope: 'send',
    });
    expect(decodePart(String(answer.json()['access_token']), 1)['aud']).toBe(MAIL);
  });

  test('more than eight are refused', async () => {
    const many = Array.from({ length: 9 }, () => `&resource=${encodeURIComponent(ORDERS)}`).join('');
    const answer = await send(`grant_type=client_credentials&client_id=${encodeURIComponent(web.spiffeId)}${many}`);
    expect(oauthCode(answer)).toMatch(/^400 (invalid_request|invalid_target)$/); // AS-07
  });
});

test('a client without any grant is unauthorized_client', async () => {
  const none = await world.svid('none');
  expectError(await world.byX509(none, { scope: 'read' }), '400 unauthorized_client'); // CC-09
  expectError(await world.byX509(world.agent, { scope: 'read' }), '400 unauthorized_client');
});

test('sizes are bounded before anything is looked at', async () => {
  const large = await send(`x=${'a'.repeat(64 * 1024)}`);
  expect([large.status, large.json()['error']]).toEqual([413, 'invalid_request']); // AS-07
  const assertion = { client_assertion_type: JWT_SPIFFE, client_assertion: `${'a'.repeat(16 * 1024)}.b.c` };
  expectError(await publicClient.postForm('/oauth2/token', form(assertion)), '400 invalid_request');
  const many = Array.from({ length: 70 }, (_, at) => `&p${at}=1`).join('');
  expectError(await send(`${encoded()}${many}`), '400 invalid_request');
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
  expectError(html, '400 unsupported_grant_type');
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
