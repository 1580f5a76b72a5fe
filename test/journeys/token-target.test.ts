import type { Answered } from '../support/http.ts';
import type { Client } from '../support/journey-client.ts';
import { type Held, recordedFacts } from '../support/journey.ts';
import {
  decodePart,
  expectOauthError,
  MAIL,
  ORDERS,
  oauthCode,
  type OauthWorld,
  startOauthWorld,
} from '../support/journey-oauth.ts';

/** What a token may be asked for: scopes (RFC 6749 §3.3) and one resource (RFC 8707). */
let world: OauthWorld;
let web: Held;
let client: Client;

beforeAll(async () => {
  world = await startOauthWorld();
  web = await world.svid('web');
  client = world.journey.api(web);
});

afterAll(() => world.journey.stop());

const form = (more: Record<string, string> = {}): Record<string, string> => ({
  grant_type: 'client_credentials',
  client_id: web.spiffeId,
  resource: ORDERS,
  ...more,
});

const send = (body: string): Promise<Answered> =>
  client.ask('/oauth2/token', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body,
  });

const encoded = (more: Record<string, string> = {}): string => new URLSearchParams(form(more)).toString();

describe('scope', () => {
  test.each(['a"b', 'read\twrite', 'read  write', ' read', 'a\\b', 'réad'])('%j is malformed', async (scope) => {
    expectOauthError(await client.postForm('/oauth2/token', form({ scope })), '400 invalid_scope'); // CC-10
  });

  test('is refused by name when it is unknown or not granted, in one text, and never narrowed', async () => {
    const before = world.journey.size();
    const unknown = await client.postForm('/oauth2/token', form({ scope: 'read unknown' }));
    const notGranted = await client.postForm('/oauth2/token', form({ scope: 'read admin' }));
    expectOauthError(unknown, '400 invalid_scope'); // CC-11
    expectOauthError(notGranted, '400 invalid_scope');
    expect(unknown.text.replace('unknown', 'admin')).toBe(notGranted.text); // DEC-55
    expect(unknown.text).not.toContain('read');
    const kinds = recordedFacts(world.journey.dataDir, before).map(({ kind }) => kind);
    expect(kinds).toEqual(['denied', 'denied']);
  });

  test('has a default only where the grant has one', async () => {
    expectOauthError(await client.postForm('/oauth2/token', form({ resource: MAIL })), '400 invalid_scope'); // CC-12
    const named = await client.postForm('/oauth2/token', form({ resource: MAIL, scope: 'send' }));
    expect([named.status, named.json()['scope']]).toEqual([200, 'send']);
  });

  test('is case-sensitive, and of another resource is not granted', async () => {
    expectOauthError(await client.postForm('/oauth2/token', form({ scope: 'Read' })), '400 invalid_scope');
    expectOauthError(await client.postForm('/oauth2/token', form({ scope: 'send' })), '400 invalid_scope'); // DEC-47
  });

  test('more than 64 are refused', async () => {
    const scope = Array.from({ length: 65 }, (_, at) => `s${at}`).join(' ');
    expectOauthError(await client.postForm('/oauth2/token', form({ scope })), '400 invalid_scope'); // AS-07
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
    expectOauthError(await client.postForm('/oauth2/token', form({ resource })), '400 invalid_target'); // RS-01, RS-02
  });

  test('unknown and not granted are one answer', async () => {
    const one = await world.svid('one');
    const ask = (resource: string) => world.byX509(one, { resource, scope: 'send' });
    const [unknown, notGranted] = [await ask('https://unknown.example.org'), await ask(ORDERS)];
    expectOauthError(unknown, '400 invalid_target');
    expect(notGranted.text).toBe(unknown.text); // RS-02
  });

  test('two targets are invalid_target, even when both are granted; the same one twice is one', async () => {
    const mail = encodeURIComponent(MAIL);
    expectOauthError(await send(`${encoded()}&resource=${mail}`), '400 invalid_target'); // AT-04
    expectOauthError(await send(`${encoded()}&audience=mail`), '400 invalid_target');
    expect((await send(`${encoded()}&resource=${encodeURIComponent(ORDERS)}&audience=orders`)).status).toBe(200);
  });

  test('a logical name goes by audience', async () => {
    const { resource: _none, ...rest } = form({ audience: 'orders' });
    const answer = await client.postForm('/oauth2/token', rest); // RS-04
    expect(decodePart(String(answer.json()['access_token']), 1)['aud']).toBe(ORDERS);
    expectOauthError(await client.postForm('/oauth2/token', { ...rest, audience: 'nobody' }), '400 invalid_target');
  });

  test('none named is the only grant, or invalid_target', async () => {
    const { resource: _none, ...rest } = form();
    expectOauthError(await client.postForm('/oauth2/token', rest), '400 invalid_target');
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
