import { X509Certificate } from 'node:crypto';
import { DEFAULT_LIMITS } from '../../../../src/adapters/http/limits.ts';
import { attestRoutes } from '../../../../src/adapters/http/routes/attest.ts';
import { writeCsr } from '../../../../src/formats/csr-writer.ts';
import { createJoinToken } from '../../../../src/usecases/create-join-token.ts';
import { possessionBy, startAttesting, type TestAttesting } from '../../../support/attesting.ts';
import { ask, askJson, type RunningServer, startServer, testServices } from '../../../support/http.ts';
import { newKey, NOW } from '../../../support/x509.ts';

let it: TestAttesting;
let running: RunningServer;
beforeAll(async () => {
  it = await startAttesting();
  const services = testServices({ limits: { ...DEFAULT_LIMITS, perSource: { attest: 10_000 } } });
  running = await startServer(attestRoutes(it.attesting), { services });
});
afterAll(async () => {
  await running.server.close();
  await it.close();
});

const base64 = (octets: Uint8Array) => Buffer.from(octets).toString('base64');
const newCsr = () => base64(writeCsr(newKey().privateKey));

const post = (value: unknown) => askJson({ port: running.port, path: '/v1/attest', value });

const agentToken = async () => createJoinToken(it.attesting, { purpose: { agent: null }, by: 'uid:0' });

describe('POST /v1/attest', () => {
  test('answers with the identity and where it is on record', async () => {
    const { token, spiffeId } = await agentToken();
    const answer = await post({ type: 'join_token', evidence: { token }, csr: newCsr(), role: 'agent' });
    expect(answer.status).toBe(200);
    const { chain, ...identity } = answer.json() as { chain: string[] };
    expect(identity).toEqual({
      spiffeId,
      role: 'agent',
      serial: expect.stringMatching(/^[0-9a-f]{32}$/),
      attestation: expect.stringMatching(/^[0-9a-f]{32}$/),
      notBefore: NOW - 10,
      notAfter: NOW + 86_400,
      ledger: { epoch: 1, index: expect.any(Number) },
    });
    const [leaf, issuing] = chain.map((der) => new X509Certificate(Buffer.from(der, 'base64')));
    expect(leaf?.checkIssued(issuing as X509Certificate)).toBe(true);
  });

  test('calls an agentless identity a workload, and says until when it renews', async () => {
    const entry = await it.entry('route-job');
    const { token } = await createJoinToken(it.attesting, { purpose: { entry: entry.id }, by: 'uid:0' });
    const answer = await post({ type: 'join_token', evidence: { token }, csr: newCsr(), role: 'workload' });
    expect(answer.json()).toMatchObject({ role: 'workload', spiffeId: entry.spiffeId, renewUntil: NOW + 86_400 });
  });

  // P7
  test('says nothing of what was wrong with the evidence', async () => {
    const { token } = await agentToken();
    await post({ type: 'join_token', evidence: { token }, csr: newCsr() });
    const used = await post({ type: 'join_token', evidence: { token }, csr: newCsr() });
    const unknown = await post({ type: 'join_token', evidence: { token: `mf-join-${'A'.repeat(32)}` }, csr: newCsr() });
    const invented = await post({ type: 'invented', evidence: {}, csr: newCsr() });
    for (const answer of [used, unknown, invented]) {
      expect(answer.status).toBe(403);
      expect({ ...answer.json(), decision: '', instance: '' }).toEqual({
        ...used.json(),
        decision: '',
        instance: '',
      });
      const decision = answer.json()['decision'] as Parameters<typeof it.ledger.views.log.find>[0];
      expect(it.ledger.views.log.at(it.ledger.views.log.find(decision) ?? -1)?.fact).toMatchObject({ kind: 'denied' });
    }
    expect(used.text).not.toContain('used before');
  });

  test.each([
    ['nothing', {}],
    ['no evidence', { type: 'join_token', csr: newCsr() }],
    ['evidence that is a string', { type: 'join_token', evidence: 'x', csr: newCsr() }],
    ['a CSR that is not base64', { type: 'join_token', evidence: {}, csr: '***' }],
    ['a CSR in base64url', { type: 'join_token', evidence: {}, csr: '-_-_' }],
    ['a CSR in a form that is not the one', { type: 'join_token', evidence: {}, csr: 'AAB=' }],
    ['a role that does not exist', { type: 'join_token', evidence: {}, csr: newCsr(), role: 'server' }],
    ['a SPIFFE ID that is none', { type: 'join_token', evidence: {}, csr: newCsr(), spiffeId: 'spiffe://x/../y' }],
    ['a member that nobody knows', { type: 'join_token', evidence: {}, csr: newCsr(), admin: true }],
    ['a node key without signature', { type: 'join_token', evidence: {}, csr: newCsr(), nodeKey: { spki: 'AAAA' } }],
  ])('refuses %s before anything is looked at', async (_what, body) => {
    const before = it.ledger.views.log.head().size;
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'invalid_request' });
    expect(it.ledger.views.log.head().size).toBe(before);
  });
});

describe('POST /v1/attest/challenge', () => {
  const newChallenge = () => ask({ port: running.port, path: '/v1/attest/challenge', method: 'POST' });

  test('gives a nonce that no cache keeps, and the same one never again', async () => {
    const one = await newChallenge();
    const two = await newChallenge();
    expect(one.headers['cache-control']).toBe('no-store');
    expect(one.json()['expiresAt']).toBe(new Date((NOW + 60) * 1000).toISOString());
    expect(one.json()['challenge']).not.toBe(two.json()['challenge']);
  });

  // DEC-13, DEC-15
  test('lets an agent come back with the node key that it pinned', async () => {
    const { token, spiffeId } = await agentToken();
    const node = newKey();
    const first = writeCsr(newKey().privateKey);
    const nodeKey = { spki: base64(node.spki), signature: base64(possessionBy(node, first)) };
    await post({ type: 'join_token', evidence: { token }, csr: base64(first), nodeKey });

    const challenge = (await newChallenge()).json()['challenge'] as string;
    const csr = writeCsr(newKey().privateKey);
    const signature = base64(possessionBy(node, csr, Buffer.from(challenge, 'base64')));
    const body = { type: 'node_key', evidence: { spiffeId, signature }, csr: base64(csr), challenge };
    expect((await post(body)).json()).toMatchObject({ role: 'agent', spiffeId });
    expect((await post(body)).status).toBe(403);
  });
});
