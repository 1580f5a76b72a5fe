import { hash } from 'node:crypto';
import { type OidcIssuer, oidcAttestor } from '../../../src/adapters/attestors/oidc.ts';
import { instant } from '../../../src/domain/instant.ts';
import type { AttestationContext, Attestor } from '../../../src/ports/attestor.ts';
import { signCompact, testKey } from '../../support/jwt-keys.ts';
import {
  GITHUB_CLAIMS,
  GITLAB_CLAIMS,
  KUBERNETES_CLAIMS,
  oidcToken,
  type OidcIssuerServer,
  startOidcIssuer,
} from '../../support/oidc-issuer.ts';
import { NOW, NOW_INSTANT, TRUST_DOMAIN } from '../../support/x509.ts';

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

const context = (changes: Partial<AttestationContext> = {}): AttestationContext => ({
  csrDigest: Buffer.alloc(32),
  spki: 'ab'.repeat(32),
  now: NOW_INSTANT,
  ...changes,
});

const refused = (reason: string) =>
  expect.objectContaining({
    code: 'attestation_refused',
    message: 'the evidence was not accepted',
    reason: expect.stringContaining(reason),
  });

const unavailable = (reason: string) =>
  expect.objectContaining({ code: 'unavailable', reason: expect.stringContaining(reason) });

const prove = async (of: Attestor, claims: Readonly<Record<string, unknown>> = {}, key = rsa) =>
  of.prove({ token: await oidcToken(key, server.url, claims) }, context());

// DEC-17
describe('tokens of platforms become selectors', () => {
  test.each([
    ['GitHub', GITHUB_CLAIMS, ['repository_owner_id:65', 'ref:refs/heads/main', `sub:${GITHUB_CLAIMS.sub}`]],
    ['GitLab', GITLAB_CLAIMS, ['namespace_id:72', 'ref_protected:true', 'runner_id:1', 'project_path:acme/payments']],
    ['Kubernetes', KUBERNETES_CLAIMS, ['kubernetes.namespace:shop', 'kubernetes.serviceaccount.name:payments']],
  ])('%s', async (_platform, claims, expected) => {
    const { selectors, roles, renewable } = await prove(attestor(), claims);
    expect(selectors).toEqual(expect.arrayContaining(expected.map((selector) => `oidc:ci:${selector}`)));
    expect(selectors).toEqual([...selectors].sort());
    expect(selectors.some((selector) => /:(sha|run_id|jti|exp|job_id)/.test(selector))).toBe(false);
    expect(roles).toEqual(['agentless']);
    expect(renewable).toBe(false);
  });

  test('only mapped claims count, under the name that they are mapped to', async () => {
    const mapped = attestor({ claims: { repo: ['repository'], team: ['org', 'team'] } });
    const { selectors } = await prove(mapped, { ...GITHUB_CLAIMS, org: { team: 'core' } });
    expect(selectors).toEqual(['oidc:ci:repo:acme/payments', 'oidc:ci:team:core']);
  });

  test('an agent has an ID of its own for each issuer and subject, where the operator wants agents', async () => {
    const { roles, agent } = await prove(attestor({ agents: true }), { sub: 'node-1' });
    expect(roles).toEqual(['agentless', 'agent']);
    const name = hash('sha256', `${server.url}\0node-1`, 'hex');
    expect(agent).toBe(`spiffe://example.org/mayfly/agent/oidc/${name}`);
  });

  // DEC-12
  test('the token is spent by the key that shows it, for as long as it lasts', async () => {
    const token = await oidcToken(rsa, server.url, {});
    const [header = '', payload = ''] = token.split('.');
    const { spends, evidence } = await attestor().prove({ token }, context());
    expect(evidence).toBe(hash('sha256', `${header}.${payload}`, 'hex'));
    expect(spends).toEqual([{ kind: 'evidence', key: evidence, spki: 'ab'.repeat(32), until: expect.any(Number) }]);
    expect(spends[0]?.until).toBeGreaterThanOrEqual(NOW + 300 + 30);
  });
});

describe('tokens that are not believed', () => {
  test.each([
    ['another audience', { aud: 'https://other.example' }, 'audience'],
    ['no audience', { aud: undefined }, 'aud'],
    ['an audience that only starts like ours', { aud: 'spiffe://example.org.evil' }, 'audience'],
    ['another issuer', { iss: 'https://evil.example' }, 'issuer'],
    ['the issuer with a slash more', { iss: '@/' }, 'issuer'],
    ['no issuer', { iss: undefined }, 'issuer'],
    ['an end in the past', { exp: NOW - 31 }, 'expired'],
    ['no end', { exp: undefined }, 'exp'],
    ['a beginning in the future', { nbf: NOW + 61 }, 'not valid yet'],
    ['no subject', { sub: undefined }, 'sub'],
  ])('%s', async (_what, claims: Record<string, unknown>, reason) => {
    const iss = claims['iss'] === '@/' ? { iss: `${server.url}/` } : {};
    await expect(prove(attestor(), { ...claims, ...iss })).rejects.toThrow(refused(reason));
  });

  const claims = () => ({ iss: server.url, aud: 'spiffe://example.org', sub: 'x', iat: NOW, exp: NOW + 300 });

  test.each([
    ['alg none', { alg: 'none', kid: rsa.kid }, 'algorithm'],
    ['alg HS256', { alg: 'HS256', kid: rsa.kid }, 'algorithm'],
    ['an algorithm of another key type', { alg: 'ES256', kid: rsa.kid }, 'fit'],
    ['a critical extension', { alg: 'RS256', kid: rsa.kid, crit: ['x'], x: 1 }, 'critical'],
    ['the type of an access token', { alg: 'RS256', kid: rsa.kid, typ: 'at+jwt' }, 'typ'],
    ['an unknown kid', { alg: 'RS256', kid: 'nobody' }, 'kid'],
  ])('%s', async (_what, header, reason) => {
    const token = signCompact(rsa, header, claims());
    await expect(attestor().prove({ token }, context())).rejects.toThrow(refused(reason));
  });

  test("a stranger's signature under a published kid", async () => {
    const token = signCompact(stranger, { alg: 'RS256', kid: rsa.kid }, claims());
    await expect(attestor().prove({ token }, context())).rejects.toThrow(refused('signature'));
  });

  test('a key that the token brings along', async () => {
    const jwk = stranger.publicKey.export({ format: 'jwk' });
    const token = signCompact(stranger, { alg: 'RS256', jwk, kid: stranger.kid }, claims());
    await expect(attestor().prove({ token }, context())).rejects.toThrow(refused('kid'));
  });

  test.each([
    [{}],
    [{ token: 7 }],
    [{ token: '' }],
    [{ token: 'a.b' }],
    [{ token: 'x'.repeat(20_000) }],
    [null],
    ['token'],
  ])('evidence of another form: %#', async (evidence) => {
    await expect(attestor().prove(evidence, context())).rejects.toThrow(refused(''));
    expect(server.connections()).toBe(0);
  });

  test('an unknown issuer is never connected to', async () => {
    const token = await oidcToken(rsa, server.url, {});
    const other = attestor({ issuer: 'https://issuer.example' });
    await expect(other.prove({ token }, context())).rejects.toThrow(refused('not configured'));
    expect(server.connections()).toBe(0);
  });
});

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
    await expect(attestor({ issuer, private: false }).prove({ token }, context())).rejects.toThrow(
      unavailable('not public'),
    );
    expect(server.connections()).toBe(0);
    await expect(attestor({ issuer }).prove({ token }, context())).resolves.toBeDefined();
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

test('a token that ended with the leeway is refused, and one within it is not', async () => {
  const token = await oidcToken(rsa, server.url, {});
  const at = (second: number) => attestor().prove({ token }, context({ now: instant(second * 1000) }));
  await expect(at(NOW + 300 + 29)).resolves.toBeDefined();
  await expect(at(NOW + 300 + 31)).rejects.toThrow(refused('expired'));
});

test.each(['http://issuer.example', 'issuer.example', 'https://user@issuer.example', 'https://issuer.example?x=1'])(
  'an issuer %s does not start',
  (issuer) => {
    expect(() => attestor({ issuer })).toThrow(RangeError);
  },
);

test('a name with a colon does not start', () => {
  expect(() => attestor({ name: 'a:b' })).toThrow(RangeError);
  expect(() => attestor({ claims: { 'a:b': ['a'] } })).toThrow(RangeError);
});
