import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { readBundle } from '../../src/formats/bundle-reader.ts';
import { readCertificate } from '../../src/formats/certificate.ts';
import { readX509Svid, verifyX509Svid } from '../../src/verify/x509-path.ts';
import { csrOf, type Held, heldFrom, Journey, recordedFacts } from '../support/journey.ts';
import type { Client } from '../support/journey-client.ts';
import { newKey, TRUST_DOMAIN } from '../support/x509.ts';

/** From a join token to credentials of workloads that other people's tools accept. */
let journey: Journey;
let agent: Held;
let caller: Client;

beforeAll(async () => {
  journey = await Journey.start();
  agent = await journey.attest({ agent: 'node-1' });
  caller = journey.api(agent);
  await journey.entry('web', { parentId: agent.spiffeId, selectors: ['unix:uid:1000'], jwtAudiences: ['db', 'cache'] });
  await journey.entry('batch', { parentId: agent.spiffeId, selectors: ['unix:uid:1001'], x509Ttl: 600, jwtTtl: 60 });
});

afterAll(() => journey.stop());

const workload = async (entryId: string, key = newKey()): Promise<Held> => {
  const answer = await caller.postJson('/v1/svids/x509', { items: [{ csr: csrOf(key), entryId }] });
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  return heldFrom((answer.json() as { items: unknown[] }).items[0], key);
};

interface JwtAnswer {
  readonly items: readonly { readonly token: string; readonly jti: string; readonly expiresAt: number }[];
}

const jwtSvid = async (entryId: string, audience: readonly string[]) => {
  const answer = await caller.postJson('/v1/svids/jwt', { items: [{ audience, entryId }] });
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  const [item] = (answer.json() as unknown as JwtAnswer).items;
  if (!item) throw new Error('no item');
  return item;
};

test('the agent is what the token said, for a day, with a new key of its own', () => {
  expect(agent.spiffeId).toBe('spiffe://example.org/mayfly/agent/join_token/node-1');
  expect(agent.notAfter - agent.notBefore).toBe(86_400 + 10); // DEC-13
});

test('a chain verifies with node:crypto up to the root of the bundle file', async () => {
  const held = await workload('web');
  const [leaf, issuing, ...more] = held.chain.map((der) => new X509Certificate(der));
  const root = journey
    .roots()
    .map((der) => new X509Certificate(der))
    .find((each) => issuing?.checkIssued(each));
  expect(more).toHaveLength(0); // design.md §6: leaf and issuing CA, never the root
  if (!leaf || !issuing || !root) throw new Error('the chain is short');
  expect(leaf.checkIssued(issuing) && leaf.verify(issuing.publicKey)).toBe(true);
  expect(issuing.verify(root.publicKey)).toBe(true);
  expect(root.verify(root.publicKey)).toBe(true);
  expect([leaf.ca, issuing.ca, root.ca]).toEqual([false, true, true]);
  expect(leaf.subjectAltName).toBe('URI:spiffe://example.org/web');
  expect(leaf.serialNumber.toLowerCase().padStart(32, '0')).toBe(held.serial);
  expect(leaf.publicKey.equals(held.key.publicKey)).toBe(true);
  expect(Date.parse(issuing.validTo)).toBeGreaterThanOrEqual(held.notAfter * 1000);
});

test('a chain verifies with our own verifier under the published bundle, and with no root of another', async () => {
  const held = await workload('web');
  const document = (await journey.public().ask('/bundle')).text;
  const roots = readBundle(document, TRUST_DOMAIN).x509Authorities.map(readCertificate);
  const now = Date.now() as never;
  const verified = verifyX509Svid({ svid: readX509Svid(held.chain), rootsOf: () => roots, now });
  expect(verified.spiffeId).toBe(held.spiffeId);
  const spare = roots.filter((each) => !verified.path.some(({ der }) => Buffer.compare(der, each.der) === 0));
  expect(spare).toHaveLength(1); // DEC-22: the spare root is out from the first day
  expect(() => verifyX509Svid({ svid: readX509Svid(held.chain), rootsOf: () => spare, now })).toThrow('not accepted');
});

test('lives are those of the entries, and each item of a batch stands in its place', async () => {
  const keys = [newKey(), newKey('p384'), newKey('rsa')];
  const items = [
    ...keys.map((key) => ({ csr: csrOf(key), entryId: 'batch' })),
    { csr: csrOf(newKey()), entryId: 'nowhere' },
    { csr: 'AAAA', entryId: 'web' },
  ];
  const answer = await caller.postJson('/v1/svids/x509', { items });
  const outcomes = (answer.json() as { items: Record<string, unknown>[] }).items;
  const held = keys.map((key, at) => heldFrom(outcomes[at], key));
  for (const { notBefore, notAfter, chain, key } of held) {
    expect(notAfter - notBefore).toBe(610);
    expect(new X509Certificate(chain[0] ?? '').publicKey.equals(key.publicKey)).toBe(true);
  }
  expect(new Set(held.map(({ serial }) => serial)).size).toBe(3);
  expect(outcomes[3]).toMatchObject({ error: { code: 'no_identity', decision: expect.any(String) } });
  expect(outcomes[4]).toMatchObject({ error: { code: 'invalid_csr' } });
});

test('a JWT-SVID verifies with jose from /keys, found by discovery', async () => {
  const item = await jwtSvid('web', ['db', 'cache']);
  const publicUrl = journey.server.ready.public;
  const discovery = (await journey.public().ask('/.well-known/openid-configuration')).json();
  expect(discovery['issuer']).toBe(publicUrl);
  expect(discovery['jwks_uri']).toBe(`${publicUrl}/keys`);
  const keys = createLocalJWKSet((await journey.public().ask('/keys')).json() as unknown as JSONWebKeySet);
  const { payload, protectedHeader } = await jwtVerify(item.token, keys, { issuer: publicUrl, audience: 'db' });
  expect(Object.keys(protectedHeader).sort()).toEqual(['alg', 'kid', 'typ']); // JWT-2
  expect(Object.keys(payload).sort()).toEqual(['aud', 'exp', 'iat', 'iss', 'jti', 'sub']);
  expect(payload.aud).toEqual(['db', 'cache']); // DEC-32
  expect(payload.sub).toBe('spiffe://example.org/web');
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300);
  await expect(jwtVerify(item.token, keys, { audience: 'mail' })).rejects.toThrow('"aud"');
  const bare = await jwtSvid('batch', ['anything']);
  const [, claims = ''] = bare.token.split('.');
  const { exp, iat } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { exp: number; iat: number };
  expect(exp - iat).toBe(60);
});

test('a JWT-SVID verifies with the bundle as well, and no access token key does', async () => {
  const { token } = await jwtSvid('web', ['db']);
  const [header = '', payload = '', signature = ''] = token.split('.');
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
  const { keys } = (await journey.api().ask('/bundle')).json() as unknown as { keys: Record<string, string>[] };
  const own = keys.filter((key) => key['use'] === 'jwt-svid' && key['kid'] === kid);
  expect(own).toHaveLength(1);
  const check = (jwk: object): boolean =>
    verify(
      'sha256',
      Buffer.from(`${header}.${payload}`),
      { key: createPublicKey({ key: jwk as never, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    );
  expect(own.map(check)).toEqual([true]);
  const others = (await journey.public().ask('/oauth2/jwks')).json() as unknown as { keys: object[] };
  expect(others.keys.length).toBeGreaterThanOrEqual(2);
  expect(others.keys.some(check)).toBe(false); // JK-04
});

test('an audience outside the entry is refused, and nothing is given for the agent itself', async () => {
  const refused = await caller.postJson('/v1/svids/jwt', { items: [{ audience: ['db', 'mail'], entryId: 'web' }] });
  expect([refused.status, refused.json()['code']]).toEqual([403, 'forbidden']);
  const own = await caller.postJson('/v1/svids/jwt', { items: [{ audience: ['db'] }] });
  expect(own.json()['code']).toBe('no_identity');
});

test('an agent gets nothing of another agent', async () => {
  const other = journey.api(await journey.attest({ agent: 'node-2' }));
  const answer = await other.postJson('/v1/svids/x509', { items: [{ csr: csrOf(newKey()), entryId: 'web' }] });
  expect([answer.status, answer.json()['code']]).toEqual([403, 'no_identity']);
  expect(answer.text).not.toContain('node-1');
});

test('the bundle keeps to the rules that other libraries have', async () => {
  const answer = await journey.public().ask('/bundle');
  const bundle = answer.json();
  const keys = bundle['keys'] as Record<string, unknown>[];
  expect(answer.headers['content-type']).toBe('application/json');
  expect(bundle['spiffe_refresh_hint']).toBe(300); // DEC-24, TDB-3
  expect(Number.isSafeInteger(bundle['spiffe_sequence'])).toBe(true); // TDB-2
  expect(Object.keys(bundle).sort()).toEqual(['keys', 'spiffe_refresh_hint', 'spiffe_sequence']);
  for (const key of keys) {
    expect(['EC', 'RSA']).toContain(key['kty']); // TDB-13
    expect(['x509-svid', 'jwt-svid']).toContain(key['use']); // TDB-7
    const members =
      key['use'] === 'x509-svid' ? ['crv', 'kty', 'use', 'x', 'x5c', 'y'] : ['crv', 'kid', 'kty', 'use', 'x', 'y'];
    expect(Object.keys(key).sort()).toEqual(members); // TDB-9, JK-01
  }
  expect(keys.filter((key) => key['use'] === 'x509-svid')).toHaveLength(2); // DEC-22
  expect(keys.filter((key) => key['use'] === 'jwt-svid')).toHaveLength(2);
  expect((await journey.api().ask('/bundle')).text).toBe(answer.text); // DEC-29
});

test('documents for relying parties are cached by strong tags', async () => {
  const publicClient = journey.public();
  for (const path of ['/bundle', '/keys', '/oauth2/jwks', '/.well-known/openid-configuration']) {
    const answer = await publicClient.ask(path);
    const etag = String(answer.headers['etag']);
    expect(etag).toMatch(/^"[^"]+"$/);
    expect(answer.headers['cache-control']).toContain('max-age=300'); // DEC-24
    const again = await publicClient.ask(path, { headers: { 'if-none-match': etag } });
    expect([again.status, again.text]).toEqual([304, '']);
  }
  expect((await publicClient.ask('/keys')).headers['content-type']).toBe('application/jwk-set+json'); // JK-05
});

test('a join token is good once, among a hundred who try at once', async () => {
  const token = await journey.joinToken({ agent: true });
  const clients = Array.from({ length: 4 }, () => journey.api(undefined, { sockets: 25 }));
  const answers = await Promise.all(
    Array.from({ length: 100 }, async (_, at) => {
      const client = clients[at % clients.length];
      const body = { type: 'join_token', evidence: { token }, csr: csrOf(newKey()) };
      return client?.postJson('/v1/attest', body);
    }),
  );
  expect(answers.filter((answer) => answer?.status === 200)).toHaveLength(1); // DEC-12, TL-16
  const refused = answers.filter((answer) => answer?.status !== 200);
  expect(new Set(refused.map((answer) => `${answer?.status} ${String(answer?.json()['code'])}`))).toEqual(
    new Set(['403 attestation_refused']),
  );
});

test('bad evidence has one answer, whatever is wrong with it, and each is on record', async () => {
  const before = journey.size();
  const token = await journey.joinToken({ entry: 'nobody' }).catch(() => 'no such entry');
  expect(token).toBe('no such entry');
  const never = 'mfjt_'.padEnd(48, 'A');
  const bodies = [
    { type: 'join_token', evidence: { token: never }, csr: csrOf(newKey()) },
    { type: 'join_token', evidence: { token: '' }, csr: csrOf(newKey()) },
    { type: 'join_token', evidence: {}, csr: csrOf(newKey()) },
    { type: 'aws_iid', evidence: { token: never }, csr: csrOf(newKey()) },
    { type: 'x509pop', evidence: {}, csr: csrOf(newKey()) },
  ];
  const answers = await Promise.all(bodies.map((body) => journey.api().postJson('/v1/attest', body)));
  const texts = answers.map((answer) => {
    const { decision, ...rest } = answer.json();
    expect(decision).toEqual(expect.stringMatching(/^[0-9a-f]{32}$/));
    return JSON.stringify(rest);
  });
  expect(new Set(texts).size).toBe(1);
  const kinds = recordedFacts(journey.dataDir, before).map(({ kind }) => kind);
  expect(kinds).toEqual(bodies.map(() => 'denied'));
});
