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

beforeEach(async () => {
  server = await startOidcIssuer();
  await server.publish(rsa, ec);
});
afterEach(() => server.close());

const attestor = (changes: Partial<OidcIssuer> = {}): Attestor =>
  oidcAttestor({
    trustDomain: TRUST_DOMAIN,
    clock: { monotonic: () => 0 },
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

test('a token that ended with the leeway is refused, and one within it is not', async () => {
  const token = await oidcToken(rsa, server.url, {});
  const at = (second: number) => attestor().prove({ token }, context({ now: instant(second * 1000) }));
  await expect(at(NOW + 300 + 29)).resolves.toBeDefined();
  await expect(at(NOW + 300 + 31)).rejects.toThrow(refused('expired'));
});

// DEC-10
test.each([
  ['in the same second', NOW_INSTANT],
  ['a second before', NOW_INSTANT + 1000],
  ['long before', NOW_INSTANT + 86_400_000],
])('a token from before a store was brought back is refused: %s', async (_when, reopenedAt) => {
  const options = {
    trustDomain: TRUST_DOMAIN,
    clock: { monotonic: () => 0 },
    issuers: [{ name: 'ci', issuer: server.url, multiTenant: false, ca: server.ca, private: true }],
  };
  const since = (at: number): Attestor => oidcAttestor({ ...options, forgottenBefore: () => instant(at) });
  const iat = Math.floor(NOW_INSTANT / 1000);
  await expect(prove(since(reopenedAt), { iat })).rejects.toThrow(refused('before the store was brought back'));
  await expect(prove(since(NOW_INSTANT - 1000), { iat })).resolves.toMatchObject({ renewable: false });
});

test('a name with a colon does not start', () => {
  expect(() => attestor({ name: 'a:b' })).toThrow(RangeError);
  expect(() => attestor({ claims: { 'a:b': ['a'] } })).toThrow(RangeError);
});
