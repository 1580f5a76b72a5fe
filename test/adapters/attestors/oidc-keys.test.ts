import { type OidcIssuer, oidcAttestor } from '../../../src/adapters/attestors/oidc.ts';
import type { Attestor } from '../../../src/ports/attestor.ts';
import { testKey } from '../../support/jwt-keys.ts';
import { oidcToken, type OidcIssuerServer, startOidcIssuer } from '../../support/oidc-issuer.ts';
import { NOW_INSTANT, TRUST_DOMAIN } from '../../support/x509.ts';

const rsa = testKey('RS256');
const ec = testKey('ES256');
const stranger = testKey('RS256');

let server: OidcIssuerServer;
let elapsed = 0;

beforeEach(async () => {
  server = await startOidcIssuer();
  await server.publish(rsa, ec);
  elapsed = 0;
});
afterEach(() => server.close());

const attestor = (changes: Partial<OidcIssuer> = {}): Attestor =>
  oidcAttestor({
    trustDomain: TRUST_DOMAIN,
    clock: { monotonic: () => elapsed },
    issuers: [{ name: 'ci', issuer: server.url, multiTenant: false, ca: server.ca, private: true, ...changes }],
  });

const context = { csrDigest: Buffer.alloc(32), spki: 'ab'.repeat(32), now: NOW_INSTANT };

const refused = (reason: string) =>
  expect.objectContaining({
    code: 'attestation_refused',
    message: 'the evidence was not accepted',
    reason: expect.stringContaining(reason),
  });

const unavailable = (reason: string) =>
  expect.objectContaining({ code: 'unavailable', reason: expect.stringContaining(reason) });

const prove = async (of: Attestor, claims: Readonly<Record<string, unknown>> = {}, key = rsa) =>
  of.prove({ token: await oidcToken(key, server.url, claims) }, context);

describe('keys', () => {
  test('are fetched once and kept, also when many ask at once', async () => {
    const one = attestor();
    await Promise.all(Array.from({ length: 20 }, () => prove(one)));
    await prove(one, {}, ec);
    expect(server.requests('/keys')).toBe(1);
  });

  test('a new key is found after the cool-down, and not before', async () => {
    const one = attestor();
    await prove(one);
    const next = testKey('ES256');
    await server.publish(rsa, next);
    await expect(prove(one, {}, next)).rejects.toThrow(refused('kid'));
    expect(server.requests('/keys')).toBe(1);
    elapsed += 30_000;
    await prove(one, {}, next);
    expect(server.requests('/keys')).toBe(2);
  });

  test('strangers with made-up kids cause one request in 30 s', async () => {
    const one = attestor();
    await prove(one);
    for (let second = 0; second <= 60; second += 1) {
      elapsed += 1000;
      await expect(prove(one, {}, stranger)).rejects.toThrow(refused('kid'));
    }
    expect(server.requests('/keys')).toBe(3);
  });

  test('a key that was dropped counts no more once the set is fetched again', async () => {
    const one = attestor();
    await prove(one);
    await server.publish(ec);
    elapsed += 10 * 60_000 + 1;
    await expect(prove(one)).rejects.toThrow(refused('kid'));
  });

  // DEC-54
  test('an old set serves while the issuer is broken, for an hour', async () => {
    const one = attestor();
    await prove(one);
    server.page('/keys', () => ({ status: 500, body: {} }));
    elapsed = 59 * 60_000;
    await expect(prove(one)).resolves.toBeDefined();
    elapsed = 61 * 60_000;
    await expect(prove(one)).rejects.toThrow(unavailable('status 500'));
  });

  test('given inline, nothing is fetched', async () => {
    const keySet = { keys: [{ ...(rsa.publicKey.export({ format: 'jwk' }) as Record<string, string>), kid: rsa.kid }] };
    await expect(prove(attestor({ keySet }))).resolves.toBeDefined();
    expect(server.connections()).toBe(0);
  });
});

// JA-11, DEC-56
describe('where keys may come from', () => {
  let other: OidcIssuerServer;
  beforeEach(async () => {
    other = await startOidcIssuer();
    await other.publish(rsa);
  });
  afterEach(() => other.close());

  const keysAt = (jwks_uri: string) =>
    server.page('/.well-known/openid-configuration', () => ({ body: { issuer: server.url, jwks_uri } }));

  test('not from a host that metadata names', async () => {
    keysAt(`${other.url}/keys`);
    await expect(prove(attestor())).rejects.toThrow(unavailable('host that is not configured'));
    expect(other.connections()).toBe(0);
  });

  test.each([
    'http://169.254.169.254/latest',
    'https://169.254.169.254/keys',
    'https://[::1]/keys',
    'file:///etc/passwd',
    '',
    'keys',
  ])('not from %j', async (uri) => {
    keysAt(uri);
    await expect(prove(attestor())).rejects.toThrow(unavailable(''));
    expect(server.requests('/keys')).toBe(0);
  });

  test('not over plain http, on the right host either', async () => {
    keysAt(`http://${server.host}/keys`);
    await expect(prove(attestor())).rejects.toThrow(unavailable('not https'));
  });

  test('from another host that the operator named', async () => {
    keysAt(`${other.url}/keys`);
    const ca = server.ca + other.ca;
    await expect(prove(attestor({ ca, hosts: [other.host] }))).resolves.toBeDefined();
    expect(other.requests('/keys')).toBe(1);
  });

  test.each(['localhost', '127.0.0.1'])('%s is never connected to unless the operator says private', async (name) => {
    const issuer = server.url.replace('localhost', name);
    server.page('/.well-known/openid-configuration', () => ({ body: { issuer, jwks_uri: `${issuer}/keys` } }));
    const token = await oidcToken(rsa, issuer, {});
    await expect(attestor({ issuer, private: false }).prove({ token }, context)).rejects.toThrow(
      unavailable('not public'),
    );
    expect(server.connections()).toBe(0);
    await expect(attestor({ issuer }).prove({ token }, context)).resolves.toBeDefined();
  });

  test.each([301, 302, 307, 308])('a redirect with status %d is not followed', async (status) => {
    server.page('/keys', () => ({ status, headers: { location: `${other.url}/keys` }, body: {} }));
    await expect(prove(attestor())).rejects.toThrow(unavailable(`status ${status}`));
    expect(other.connections()).toBe(0);
  });

  test.each([
    ['names another issuer', () => ({ body: { issuer: other.url, jwks_uri: `${server.url}/keys` } }), 'another issuer'],
    ['is no JSON', () => ({ body: '<html>' }), ''],
    ['is a list', () => ({ body: [] }), 'not an object'],
    ['is too long', () => ({ body: `{"x":"${'y'.repeat(1024 * 1024)}"}` }), 'longer than 1 MiB'],
  ])('discovery that %s', async (_what, page, reason) => {
    server.page('/.well-known/openid-configuration', page);
    await expect(prove(attestor())).rejects.toThrow(unavailable(reason));
  });

  test('a server with a certificate of another authority', async () => {
    await expect(prove(attestor({ ca: other.ca }))).rejects.toThrow(unavailable(''));
    expect(server.requests('/.well-known/openid-configuration')).toBe(0);
  });
});

test.each(['http://issuer.example', 'issuer.example', 'https://user@issuer.example', 'https://issuer.example?x=1'])(
  'an issuer %s does not start',
  (issuer) => {
    expect(() => attestor({ issuer })).toThrow(RangeError);
  },
);
