import { createHmac, hash, randomBytes, sign } from 'node:crypto';
import { compactVerify, createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { encodePem } from '../../src/formats/pem.ts';
import { foreign } from '../support/foreign-certificates.ts';
import type { Answered } from '../support/http.ts';
import type { Held } from '../support/journey.ts';
import {
  decodePart,
  JWT_SPIFFE,
  MAIL,
  ORDERS,
  oauthCode,
  type OauthWorld,
  startOauthWorld,
} from '../support/journey-oauth.ts';
import { newKey } from '../support/x509.ts';

/** How clients log in at the token endpoint, and how each other way fails (draft-ietf-oauth-spiffe-client-auth). */
let world: OauthWorld;
let web: Held;

beforeAll(async () => {
  world = await startOauthWorld();
  web = await world.svid('web');
});

afterAll(() => world.journey.stop());

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token signed by a key that is not ours, however good the rest. */
const forge = (claims: object, header: object = {}): string => {
  const input = `${encode({ alg: 'ES256', kid: 'x', typ: 'JWT', ...header })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(input), { key: newKey().privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
};

const seconds = (): number => Math.floor(Date.now() / 1000);

/** One answer for every way of not being believed (CC-21), a decision for the operator beside it. */
const expectUnknownClient = (answer: Answered): void => {
  expect([oauthCode(answer), answer.text]).toEqual(['401 invalid_client', answer.text]);
  expect(answer.headers['content-type']).toBe('application/json');
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(answer.headers['www-authenticate']).toBeUndefined(); // CC-18: only for who tried that header
  const known = '{"error":"invalid_client","error_description":"the client could not be authenticated"}';
  expect(answer.text).toBe(known);
};

test('every refusal is on record, and its reason is told nobody but operators', async () => {
  const answer = await world.byJwt(await world.assertion('web', ['db']));
  const decision = String(answer.headers['mayfly-decision']);
  expect(decision).toMatch(/^[0-9a-f]{32}$/);
  expect(world.journey.facts('denied').at(-1)).toMatchObject({ id: decision, code: 'invalid_client' });
  const explained = await world.journey.administer<{ kind: string }>('GET', `/v1/admin/explain/${decision}`);
  expect(explained.kind).toBe('denied');
});

test('both methods give the same token but for times, jti and binding', async () => {
  const byX509 = (await world.byX509(web)).json() as { access_token: string };
  const byJwt = (await world.byJwt(await world.assertion('web'))).json() as { access_token: string };
  const [x509, jwt] = [decodePart(byX509.access_token, 1), decodePart(byJwt.access_token, 1)];
  const fingerprint = hash('sha256', web.chain[0] ?? '', 'base64url');
  expect(x509['cnf']).toEqual({ 'x5t#S256': fingerprint }); // MT-04, AT-06
  expect(jwt['cnf']).toBeUndefined(); // DEC-30: bearer only where entry and resource say so
  const strip = ({ cnf: _c, exp: _e, iat: _i, jti: _j, ...rest }: Record<string, unknown>) => rest;
  expect(strip(x509)).toEqual(strip(jwt)); // SA-06
  const jwks = (await world.journey.public().ask('/oauth2/jwks')).json() as unknown as JSONWebKeySet;
  for (const token of [byX509.access_token, byJwt.access_token]) {
    expect((await compactVerify(token, createLocalJWKSet(jwks))).protectedHeader.typ).toBe('at+jwt');
  }
});

test('a certificate beside an assertion binds the token, and has to be the same identity', async () => {
  const form = {
    grant_type: 'client_credentials',
    client_assertion_type: JWT_SPIFFE,
    client_assertion: await world.assertion('web'),
    resource: ORDERS,
  };
  const own = await world.journey.api(web).postForm('/oauth2/token', form); // CC-13
  const { access_token: token } = own.json() as { access_token: string };
  expect(decodePart(token, 1)['cnf']).toEqual({ 'x5t#S256': hash('sha256', web.chain[0] ?? '', 'base64url') });
  const other = await world.svid('one');
  expectUnknownClient(await world.journey.api(other).postForm('/oauth2/token', form));
});

test('a resource that takes bound tokens only gives no bearer token', async () => {
  const answer = await world.byJwt(await world.assertion('web'), { resource: MAIL, scope: 'send' });
  expect(oauthCode(answer)).toBe('400 invalid_request'); // DEC-30, SB-01
});

describe('a client certificate', () => {
  test('needs client_id, and the right one', async () => {
    const client = world.journey.api(web);
    const form = { grant_type: 'client_credentials', resource: ORDERS };
    expect(oauthCode(await client.postForm('/oauth2/token', form))).toBe('400 invalid_request'); // SX-01
    for (const id of ['spiffe://example.org/one', 'web', `${web.spiffeId}/`, web.spiffeId.toUpperCase()]) {
      expectUnknownClient(await client.postForm('/oauth2/token', { ...form, client_id: id })); // CC-15, MT-03
    }
  });

  test('is not known to the listener that asks for none', async () => {
    const answer = await world.journey.public({ certificate: web }).postForm('/oauth2/token', {
      grant_type: 'client_credentials',
      client_id: web.spiffeId,
      resource: ORDERS,
    });
    expectUnknownClient(answer); // DEC-49, CC-08
  });

  test('of a header counts for nothing', async () => {
    const pem = web.cert.replaceAll('\n', '');
    for (const name of ['x-forwarded-client-cert', 'client-cert', 'ssl-client-cert']) {
      const form = { grant_type: 'client_credentials', client_id: web.spiffeId, resource: ORDERS };
      const headers = { [name]: name === 'client-cert' ? `:${pem}:` : `URI=${web.spiffeId};Cert="${pem}"` };
      expectUnknownClient(await world.journey.api().postForm('/oauth2/token', form, headers)); // SX-03
    }
  });

  test('of strangers is refused in one way, whatever is wrong with it', async () => {
    const now = seconds();
    const root = await foreign({ name: 'root', ca: true, notBefore: now - 600, notAfter: now + 600 });
    const uris = [web.spiffeId];
    const good = { issuer: root, notBefore: now - 60, notAfter: now + 300 };
    const leaves = [
      await foreign({ ...good, name: 'a foreign root', uris }),
      await foreign({ ...good, name: 'two names', uris: [...uris, 'spiffe://example.org/one'] }), // SX-02
      await foreign({ ...good, name: 'a CA', uris, ca: true }),
      await foreign({ ...good, name: 'no usage', uris, usage: 'none' }),
      await foreign({ ...good, name: 'expired', uris, notAfter: now - 1 }),
      await foreign({ ...good, name: 'another trust domain', uris: ['spiffe://evil.example/web'] }),
      await foreign({ ...good, name: 'no path', uris: ['spiffe://example.org'] }),
      await foreign({ ...good, name: 'no name at all' }),
      await foreign({ name: 'self-signed', uris, notBefore: now - 60, notAfter: now + 300 }),
    ];
    for (const { der, keys } of leaves) {
      const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
      const keyPem = encodePem('PRIVATE KEY', pkcs8);
      const cert = encodePem('CERTIFICATE', der);
      expectUnknownClient(await world.byX509({ ...web, cert, keyPem })); // MT-07
    }
  });
});

describe('an assertion', () => {
  test('may come again, and without client_id or with its subject', async () => {
    const assertion = await world.assertion('web');
    const answers = [
      await world.byJwt(assertion),
      await world.byJwt(assertion), // SJ-02
      await world.byJwt(assertion, { client_id: 'spiffe://example.org/web' }), // SJ-04
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expectUnknownClient(await world.byJwt(assertion, { client_id: 'spiffe://example.org/one' }));
  });

  test('is for our issuer and nobody else', async () => {
    const { issuer } = world;
    const { api, public: publicUrl } = world.journey.server.ready;
    const audiences = [
      [issuer, 'https://other.example.org'],
      [`${issuer}/token`],
      [`${api}/oauth2/token`],
      [`${issuer}/`],
      [publicUrl],
      ['db'],
      [issuer.toUpperCase()],
    ];
    for (const audience of audiences) {
      expectUnknownClient(await world.byJwt(await world.assertion('web', audience))); // SJ-01, JA-05, SB-05
    }
  });

  test('that lives too long is refused', async () => {
    expectUnknownClient(await world.byJwt(await world.assertion('slow'))); // SJ-02: 10 minutes
  });

  test('that we never signed is refused, however it is made', async () => {
    const good = await world.assertion('web');
    const claims = decodePart(good, 1);
    const header = decodePart(good, 0);
    const [head = '', body = '', signature = ''] = good.split('.');
    const jwks = (await world.journey.public().ask('/keys')).text;
    const hmac = (alg: string): string => {
      const input = `${encode({ ...header, alg })}.${body}`;
      return `${input}.${createHmac('sha256', jwks).update(input).digest('base64url')}`;
    };
    const forged = [
      forge(claims, { kid: header['kid'] }),
      `${encode({ ...header, alg: 'none' })}.${body}.`,
      `${encode({ ...header, alg: 'none' })}.${body}.${signature}`,
      hmac('HS256'),
      `${encode({ ...header, alg: 'es256' })}.${body}.${signature}`,
      `${head}.${encode({ ...claims, sub: 'spiffe://example.org/admin' })}.${signature}`,
      `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
      `${head}.${body}.${randomBytes(64).toString('base64url')}`,
      `${head}.${body}`,
      `${good}.x`,
      `${good}=`,
      'x',
    ];
    for (const token of forged) expectUnknownClient(await world.byJwt(token)); // SJ-03, JW-02
  });

  test('is not one of our access tokens', async () => {
    const granted = (await world.byX509(web)).json() as { access_token: string };
    expectUnknownClient(await world.byJwt(granted.access_token)); // SJ-05
  });

  test('and its type come together, once, and beside no other method', async () => {
    const assertion = await world.assertion('web');
    const send = (form: Record<string, string>, headers = {}) =>
      world.journey.public().postForm('/oauth2/token', { grant_type: 'client_credentials', ...form }, headers);
    const both = { client_assertion: assertion, client_assertion_type: JWT_SPIFFE };
    expect(oauthCode(await send({ client_assertion: assertion }))).toBe('400 invalid_request'); // JA-01
    expect(oauthCode(await send({ client_assertion_type: JWT_SPIFFE }))).toBe('400 invalid_request');
    expect(oauthCode(await send({ ...both, client_secret: 'x' }))).toBe('400 invalid_request'); // CC-13
    expect(oauthCode(await send(both, { authorization: 'Basic eDp5' }))).toBe('400 invalid_request'); // CC-13
    const bearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    expectUnknownClient(await send({ client_assertion: assertion, client_assertion_type: bearer }));
  });
});

test('a secret is no way in, and who tried a header is told its scheme', async () => {
  const form = { grant_type: 'client_credentials', client_id: web.spiffeId };
  const send = (more: Record<string, string>, headers = {}) =>
    world.journey.public().postForm('/oauth2/token', { ...form, ...more }, headers);
  const before = world.journey.facts('denied').length;
  expectUnknownClient(await send({ client_secret: 'x' })); // AS-03
  expect(world.journey.facts('denied').slice(before)).toMatchObject([
    { operation: 'access-token', code: 'invalid_client', reason: 'a client secret was presented' },
  ]);
  for (const [header, scheme] of [
    ['Basic eDp5', 'Basic'],
    ['basic eDp5', 'basic'],
    ['Bearer abc', 'Bearer'],
  ]) {
    const answer = await send({}, { authorization: header });
    expect(oauthCode(answer)).toBe('401 invalid_client');
    expect(String(answer.headers['www-authenticate'])).toMatch(new RegExp(`^${scheme} realm="`)); // CC-18
  }
  const odd = await send({}, { authorization: 'B"ad<script> x' });
  expect(String(odd.headers['www-authenticate'])).not.toContain('script'); // BR-06
});

test('a token ends with the credential that the client showed', async () => {
  const granted = (await world.byJwt(await world.assertion('web'))).json() as { access_token: string };
  const token = decodePart(granted.access_token, 1) as { exp: number };
  // The assertion lives five minutes and so does the token: it cannot outlive the assertion (CC-22).
  const row = world.journey.facts('issued').findLast(({ credential }) => credential === 'jwt-svid');
  expect(token.exp).toBeLessThanOrEqual(row?.notAfter ?? 0);
});
