import { oidcAttestor } from '../../src/adapters/attestors/oidc.ts';
import { readCsr } from '../../src/formats/csr.ts';
import { writeCsr } from '../../src/formats/csr-writer.ts';
import { planRenewal } from '../../src/usecases/renew-identity.ts';
import { attestWith, callerOf, startAttesting, type TestAttesting } from '../support/attesting.ts';
import { testKey } from '../support/jwt-keys.ts';
import {
  GITHUB_CLAIMS,
  GITLAB_CLAIMS,
  KUBERNETES_CLAIMS,
  oidcToken,
  type OidcIssuerServer,
  startOidcIssuer,
} from '../support/oidc-issuer.ts';
import { newKey, NOW, TRUST_DOMAIN } from '../support/x509.ts';

const signer = testKey('ES256');

let server: OidcIssuerServer;
let it: TestAttesting;

beforeAll(async () => {
  server = await startOidcIssuer();
  await server.publish(signer);
  const issuer = { name: 'ci', issuer: server.url, multiTenant: true, ca: server.ca, private: true };
  const away = { name: 'away', issuer: 'https://localhost:1', multiTenant: false };
  it = await startAttesting([
    oidcAttestor({ trustDomain: TRUST_DOMAIN, issuers: [issuer, away], clock: { monotonic: () => 0 } }),
  ]);
});
afterAll(async () => {
  await it.close();
  await server.close();
});
beforeEach(() => it.ledger.clock.set(NOW * 1000));

const token = (claims: Readonly<Record<string, unknown>>) => oidcToken(signer, server.url, claims);

const refused = expect.objectContaining({
  code: 'attestation_refused',
  message: 'the evidence was not accepted',
  decisionId: expect.any(String),
});
const reason = () => it.lastDenial()?.reason;

// DEC-14, DEC-17
describe('a token of a platform gives an agentless identity', () => {
  test.each([
    ['github', GITHUB_CLAIMS, ['oidc:ci:ref:refs/heads/main', 'oidc:ci:repository_owner_id:65']],
    ['gitlab', GITLAB_CLAIMS, ['oidc:ci:namespace_id:72', 'oidc:ci:ref_protected:true']],
    [
      'kubernetes',
      KUBERNETES_CLAIMS,
      ['oidc:ci:kubernetes.namespace:shop', 'oidc:ci:kubernetes.serviceaccount.name:payments'],
    ],
  ])('%s', async (id, claims, selectors) => {
    const entry = await it.entry(id, { selectors });
    const identity = await attestWith(it, 'oidc', { token: await token(claims) });
    expect(identity).toMatchObject({ role: 'agentless', spiffeId: entry.spiffeId, notAfter: NOW + 600 });
    expect(identity.renewUntil).toBeUndefined();
    expect(it.facts('attested').at(-1)).toMatchObject({ attestor: 'oidc', renewUntil: NOW });
  });

  test('which is not renewed: the platform gives a new token', async () => {
    await it.entry('once', { selectors: ['oidc:ci:sub:once'] });
    const identity = await attestWith(it, 'oidc', { token: await token({ sub: 'once' }) });
    const csr = readCsr(writeCsr(newKey().privateKey));
    expect(() => planRenewal(it.attesting, callerOf(it, identity), csr)).toThrow(
      expect.objectContaining({ code: 'renewal_refused', reason: expect.stringContaining('new evidence') }),
    );
  });

  test.each([
    ['another branch', { ref: 'refs/heads/evil' }],
    ['another owner of a repository with the same name', { repository_owner_id: '66' }],
    ['a branch whose name only starts alike', { ref: 'refs/heads/main2' }],
  ])('but not to %s', async (_what, changes) => {
    const evidence = { token: await token({ ...GITHUB_CLAIMS, ...changes }) };
    await expect(attestWith(it, 'oidc', evidence)).rejects.toThrow(expect.objectContaining({ code: 'no_identity' }));
    expect(it.lastDenial()?.selectors).toContain('oidc:ci:repository:acme/payments');
  });

  test('but no agent, unless the operator wants agents from this issuer', async () => {
    const evidence = { token: await token(GITHUB_CLAIMS) };
    await expect(attestWith(it, 'oidc', evidence, { role: 'agent' })).rejects.toThrow(refused);
  });
});

// DEC-12
describe('a token is the first key’s that shows it', () => {
  beforeAll(() => it.entry('job', { selectors: ['oidc:ci:sub:job'] }));

  test('who may show it again', async () => {
    const evidence = { token: await token({ sub: 'job' }) };
    const key = newKey();
    await attestWith(it, 'oidc', evidence, { key });
    await expect(attestWith(it, 'oidc', evidence, { key })).resolves.toBeDefined();
  });

  test('and nobody else, until it ends', async () => {
    const evidence = { token: await token({ sub: 'job' }) };
    await attestWith(it, 'oidc', evidence);
    await expect(attestWith(it, 'oidc', evidence)).rejects.toThrow(refused);
    expect(reason()).toBe('evidence was used before');
    it.ledger.clock.set((NOW + 300 + 29) * 1000);
    await expect(attestWith(it, 'oidc', evidence)).rejects.toThrow(refused);
    expect(reason()).toBe('evidence was used before');
    it.ledger.clock.set((NOW + 300 + 31) * 1000);
    await expect(attestWith(it, 'oidc', evidence)).rejects.toThrow(refused);
    expect(reason()).toMatch(/expired/);
  });

  // RFC 7519 §2
  test.each([
    ['a fraction', NOW + 300.5, NOW + 332],
    ['the last second that a record can hold', Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ['a time beyond that', 1e300, Number.MAX_SAFE_INTEGER],
  ])('one that ends at %s, too', async (_what, exp, until) => {
    const evidence = { token: await token({ sub: 'job', exp }) };
    await attestWith(it, 'oidc', evidence);
    expect(it.facts('attested').at(-1)?.spends).toMatchObject([{ kind: 'evidence', until }]);
    await expect(attestWith(it, 'oidc', evidence)).rejects.toThrow(refused);
    expect(reason()).toBe('evidence was used before');
  });

  test('of twenty at once, one', async () => {
    const evidence = { token: await token({ sub: 'job' }) };
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => attestWith(it, 'oidc', evidence)));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('the other form of an ECDSA signature makes no second token of it', async () => {
    const text = await token({ sub: 'job' });
    const [header = '', payload = '', signature = ''] = text.split('.');
    const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
    const octets = Buffer.from(signature, 'base64url');
    const s = BigInt(`0x${octets.subarray(32).toString('hex')}`);
    const other = Buffer.concat([
      octets.subarray(0, 32),
      Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex'),
    ]);
    await attestWith(it, 'oidc', { token: text });
    const twin = { token: `${header}.${payload}.${other.toString('base64url')}` };
    await expect(attestWith(it, 'oidc', twin)).rejects.toThrow(refused);
    expect(reason()).toBe('evidence was used before');
  });

  test('a token that gave no identity is not spent', async () => {
    const evidence = { token: await token({ sub: 'late' }) };
    await expect(attestWith(it, 'oidc', evidence)).rejects.toThrow(expect.objectContaining({ code: 'no_identity' }));
    await it.entry('late', { selectors: ['oidc:ci:sub:late'] });
    await expect(attestWith(it, 'oidc', evidence)).resolves.toBeDefined();
  });
});

describe('what goes wrong is on record, and not in the answer', () => {
  test.each([
    ['an audience that is not ours', { aud: 'https://other.example' }, 'token: the audience is another'],
    ['a token that ended', { exp: NOW - 100 }, 'token: the token has expired'],
    ['an issuer that nobody configured', { iss: 'https://evil.example' }, 'token: the issuer is not configured'],
  ])('%s', async (_what, claims, why) => {
    const text = await token(claims);
    const answer: unknown = await attestWith(it, 'oidc', { token: text }).catch((error: unknown) => error);
    expect(answer).toEqual(refused);
    expect(reason()).toBe(why);
    expect(JSON.stringify(it.lastDenial())).not.toContain(text.split('.')[1]);
  });

  test('an issuer that is away is not the caller’s fault', async () => {
    const text = await oidcToken(signer, 'https://localhost:1', {});
    await expect(attestWith(it, 'oidc', { token: text })).rejects.toThrow(
      expect.objectContaining({ code: 'unavailable', message: 'the evidence cannot be checked now', retryAfter: 30 }),
    );
    expect(it.lastDenial()).toMatchObject({ code: 'unavailable', reason: expect.stringContaining('not public') });
  });
});
