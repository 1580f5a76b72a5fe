import { sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeCsr } from '../../src/formats/csr-writer.ts';
import { encodePem } from '../../src/formats/pem.ts';
import { csrDigest, possessionMessage } from '../../src/formats/possession.ts';
import type { Answered } from '../support/http.ts';
import { csrOf, type Held, heldFrom, Journey } from '../support/journey.ts';
import { testTime } from '../support/journey-time.ts';
import { testKey } from '../support/jwt-keys.ts';
import {
  GITHUB_CLAIMS,
  GITLAB_CLAIMS,
  KUBERNETES_CLAIMS,
  oidcToken,
  type OidcIssuerServer,
  startOidcIssuer,
} from '../support/oidc-issuer.ts';
import { issueLeaf, leafPlan, newCa, newKey, NOW, type TestCa, type TestKey } from '../support/x509.ts';

/** Each kind of evidence over real sockets: certificates, tokens of CI systems and clusters, keys of nodes (DEC-12 … DEC-17). */
const { clock, timers, pass } = testTime(NOW * 1000);
const HOUR = 3_600_000;
const signer = testKey('ES256');
let folder: string;
let provider: OidcIssuerServer;
let factory: TestCa;
let journey: Journey;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-evidence-'));
  provider = await startOidcIssuer();
  await provider.publish(signer);
  factory = await newCa();
  writeFileSync(join(folder, 'provider.pem'), provider.ca);
  writeFileSync(join(folder, 'factory.pem'), encodePem('CERTIFICATE', factory.certificate.der));
  const issuer = { name: 'ci', url: provider.url, multiTenant: true, hosts: [], agents: false, private: true };
  journey = await Journey.start({
    clock,
    timers,
    attestors: {
      x509pop: { caFiles: [join(folder, 'factory.pem')] },
      oidc: { issuers: [{ ...issuer, caFile: join(folder, 'provider.pem') }] },
    },
  });
});

afterAll(async () => {
  await journey.stop();
  await provider.close();
  rmSync(folder, { recursive: true, force: true });
});

const code = (answer: Answered): string => `${answer.status} ${String(answer.json()['code'])}`;

const attest = (body: object): Promise<Answered> => journey.api().postJson('/v1/attest', body);

const challenge = async (): Promise<Buffer> => {
  const answer = await journey.api().ask('/v1/attest/challenge', { method: 'POST' });
  return Buffer.from(String(answer.json()['challenge']), 'base64');
};

/** A signature by `key` over nonce and request (DEC-15). */
const proof = (key: TestKey, csr: Uint8Array, nonce?: Uint8Array): string =>
  sign('sha256', possessionMessage(csrDigest(csr), nonce), key.privateKey).toString('base64');

describe('a certificate of the factory', () => {
  const device = async () => {
    const key = newKey();
    const leaf = await issueLeaf(factory, leafPlan(factory, key, { notAfter: NOW + 5 * 86_400 }));
    return { key, chain: [leaf.toString('base64')] };
  };

  const present = async (
    { key, chain }: Awaited<ReturnType<typeof device>>,
    changes: { nonce?: Buffer; signedBy?: TestKey; csrKey?: TestKey; more?: object } = {},
  ): Promise<Answered> => {
    const csr = writeCsr((changes.csrKey ?? newKey()).privateKey);
    const nonce = changes.nonce ?? (await challenge());
    const evidence = { chain, signature: proof(changes.signedBy ?? key, csr, nonce) };
    return attest({
      type: 'x509pop',
      evidence,
      csr: csr.toString('base64'),
      challenge: nonce.toString('base64'),
      ...changes.more,
    });
  };

  test('makes an agent, whose entries follow its selectors', async () => {
    const one = await device();
    const key = newKey();
    const answer = await present(one, { csrKey: key });
    expect([answer.status, answer.json()['role']]).toEqual([200, 'agent']);
    const agent = heldFrom(answer.json(), key);
    expect(agent.spiffeId).toMatch(/^spiffe:\/\/example\.org\/mayfly\/agent\/x509pop\/[0-9a-f]+$/); // DEC-18
    // An agent group: its parent is the server, its selectors are the node's (DEC-27).
    await journey.entry('factory', { selectors: ['x509pop:subject:o:example.org'] });
    await journey.entry('in-factory', { parentId: 'spiffe://example.org/factory' });
    const items = [{ csr: csrOf(newKey()), entryId: 'in-factory' }];
    expect((await journey.api(agent).postJson('/v1/svids/x509', { items })).status).toBe(200);
    const stranger = await journey.attest({ agent: 'elsewhere' });
    expect(code(await journey.api(stranger).postJson('/v1/svids/x509', { items }))).toBe('403 no_identity');
  });

  test('is nothing without its key, its nonce, or its authority', async () => {
    const one = await device();
    const other = await newCa();
    const foreign = await issueLeaf(other, leafPlan(other, one.key));
    const spent = await challenge();
    expect((await present(one, { nonce: spent })).status).toBe(200);
    const attempts = [
      await present(one, { signedBy: newKey() }),
      await present(one, { nonce: spent }), // DEC-15: once
      await present(one, { nonce: Buffer.from('made up by the caller, and long enough to be one') }),
      await present(one, { more: { challenge: undefined } }),
      await present({ ...one, chain: [foreign.toString('base64')] }),
      await present({ ...one, chain: [...one.chain, ...Array.from({ length: 5 }, () => one.chain[0] ?? '')] }),
    ];
    expect(attempts.map(code)).toEqual(attempts.map(() => '403 attestation_refused'));
    const old = await challenge();
    clock.advance(61_000);
    expect(code(await present(one, { nonce: old }))).toBe('403 attestation_refused'); // 60 s
  });
});

describe('a token of a platform', () => {
  const oidc = async (
    claims: Readonly<Record<string, unknown>>,
    key = newKey(),
    signedBy = signer,
  ): Promise<Answered> => {
    const seconds = Math.floor(clock.now() / 1000);
    const times = { iat: seconds, nbf: seconds, exp: seconds + 300 };
    const token = await oidcToken(signedBy, provider.url, { ...times, ...claims });
    return attest({ type: 'oidc', evidence: { token }, csr: csrOf(key) });
  };

  test.each([
    ['github', GITHUB_CLAIMS, ['oidc:ci:repository_owner_id:65', 'oidc:ci:ref:refs/heads/main']],
    ['gitlab', GITLAB_CLAIMS, ['oidc:ci:namespace_id:72']],
  ] as const)('%s gives an agentless identity that does not renew', async (id, claims, selectors) => {
    await journey.entry(id, { selectors });
    const key = newKey();
    const answer = await oidc(claims, key);
    expect(answer.status).toBe(200);
    expect(answer.json()['renewUntil']).toBeUndefined();
    const held = heldFrom(answer.json(), key);
    expect(held.spiffeId).toBe(`spiffe://example.org/${id}`);
    const renewal = await journey.api(held).postJson('/v1/svids/x509', { items: [{ csr: csrOf(newKey()) }] });
    expect(code(renewal)).toBe('403 renewal_refused'); // DEC-14
  });

  test('of a multi-tenant issuer: an entry pins an owner, or is not written', async () => {
    const entry = { spiffeId: 'spiffe://example.org/k8s', selectors: ['oidc:ci:kubernetes.namespace:shop'] };
    const write = journey.administer('POST', '/v1/admin/entries', entry);
    await expect(write).rejects.toMatchObject({ code: 'invalid_entry' }); // DEC-17
  });

  test('that matches no entry, is for another, is old, or is of another key, gives nothing', async () => {
    const seconds = Math.floor(clock.now() / 1000);
    const other = { ...GITHUB_CLAIMS, repository_owner_id: '66' };
    expect(code(await oidc(other))).toBe('403 no_identity');
    expect(code(await oidc(KUBERNETES_CLAIMS))).toBe('403 no_identity');
    const bad = [
      await oidc({ ...GITHUB_CLAIMS, aud: 'spiffe://other.example' }),
      await oidc({ ...GITHUB_CLAIMS, exp: seconds - 120 }),
      await oidc({ ...GITHUB_CLAIMS, iss: 'https://token.actions.githubusercontent.com' }),
      await oidc(GITHUB_CLAIMS, newKey(), testKey('ES256')),
    ];
    expect(bad.map(code)).toEqual(bad.map(() => '403 attestation_refused'));
    const explained = await journey.administer<{ nearest: { id: string; missing: string[] }[] }>(
      'GET',
      `/v1/admin/explain/${String((await oidc(other)).json()['decision'])}`,
    );
    const nearest = explained.nearest.find(({ id }) => id === 'github');
    expect(nearest?.missing).toEqual(['oidc:ci:repository_owner_id:65']); // P7
  });

  test('binds to the first key that shows it', async () => {
    const seconds = Math.floor(clock.now() / 1000);
    const token = await oidcToken(signer, provider.url, {
      ...GITHUB_CLAIMS,
      iat: seconds,
      nbf: seconds,
      exp: seconds + 300,
    });
    const key = newKey();
    const send = (by: TestKey) => attest({ type: 'oidc', evidence: { token }, csr: csrOf(by) });
    const answers = [await send(key), await send(key), await send(newKey())];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 403]); // DEC-12
  });

  // DEC-9: it has expired and was forgotten, and a clock that is set back makes it look good again.
  test('that was used serves nobody else when the clock is set back', async () => {
    const seconds = Math.floor(clock.now() / 1000);
    const times = { iat: seconds, nbf: seconds, exp: seconds + 300 };
    const token = await oidcToken(signer, provider.url, { ...GITHUB_CLAIMS, ...times });
    const key = newKey();
    const send = (by: TestKey) => attest({ type: 'oidc', evidence: { token }, csr: csrOf(by) });
    expect((await send(key)).status).toBe(200);
    await pass(HOUR);
    expect(code(await send(key))).toBe('403 attestation_refused');
    clock.step(-HOUR);
    await pass(60_000, 60_000);
    expect([code(await send(newKey())), (await send(key)).status]).toEqual(['403 attestation_refused', 200]);
    clock.step(HOUR);
    await pass(60_000, 60_000);
  });
});

describe('a node key', () => {
  const nodeKey = newKey();
  let agent: Held;

  const comeBack = async (by = nodeKey, key = newKey()): Promise<Answered> => {
    const csr = writeCsr(key.privateKey);
    const nonce = await challenge();
    return attest({
      type: 'node_key',
      evidence: { spiffeId: agent.spiffeId, signature: proof(by, csr, nonce) },
      csr: csr.toString('base64'),
      challenge: nonce.toString('base64'),
    });
  };

  beforeAll(async () => {
    const key = newKey();
    const csr = writeCsr(key.privateKey);
    const spki = nodeKey.spki.toString('base64');
    const answer = await attest({
      type: 'join_token',
      evidence: { token: await journey.joinToken({ agent: 'pinned' }) },
      csr: csr.toString('base64'),
      nodeKey: { spki, signature: proof(nodeKey, csr) },
    });
    agent = heldFrom(answer.json(), key);
  });

  test('brings an agent back after its SVID has ended, and nobody else', async () => {
    await pass(30 * HOUR, 2 * HOUR);
    expect(clock.now() / 1000).toBeGreaterThan(agent.notAfter);
    expect(code(await comeBack(newKey()))).toBe('403 attestation_refused');
    const key = newKey();
    const answer = await comeBack(nodeKey, key);
    expect([answer.status, answer.json()['spiffeId']]).toEqual([200, agent.spiffeId]); // DEC-13
    expect(heldFrom(answer.json(), key).notAfter).toBeGreaterThan(agent.notAfter);
  });

  test('does not count for a banned agent, nor for one that was banned', async () => {
    const path = `/v1/admin/agents/${encodeURIComponent(agent.spiffeId)}/ban`;
    const { revocation } = await journey.administer<{ revocation: { id: string } }>('POST', path, { confirm: true });
    expect(code(await comeBack())).toBe('403 attestation_refused');
    await journey.administer('POST', `/v1/admin/revocations/${revocation.id}/release`);
    // The cutoff is final for the pinned key too.
    expect(code(await comeBack())).toBe('403 attestation_refused');
  });
});
