import { x509popAttestor } from '../../src/adapters/attestors/x509pop.ts';
import type { Entry } from '../../src/domain/entry.ts';
import { parseSpiffeId } from '../../src/domain/spiffe-id.ts';
import { readCsr } from '../../src/formats/csr.ts';
import { writeCsr } from '../../src/formats/csr-writer.ts';
import { encodePem } from '../../src/formats/pem.ts';
import type { AttestedIdentity } from '../../src/usecases/attest.ts';
import type { Caller } from '../../src/usecases/authenticate-caller.ts';
import { createJoinToken } from '../../src/usecases/create-join-token.ts';
import { issueX509Svids } from '../../src/usecases/issue-x509-svids.ts';
import { planRenewal } from '../../src/usecases/renew-identity.ts';
import type { IssuedX509 } from '../../src/usecases/x509-issuance.ts';
import { answered, attestWith, callerOf, startAttesting, type TestAttesting } from '../support/attesting.ts';
import { issueLeaf, leafPlan, newCa, newKey, NOW, type TestCa, type TestKey, TRUST_DOMAIN } from '../support/x509.ts';

let it: TestAttesting;
let nodes: TestCa;
beforeAll(async () => {
  nodes = await newCa();
  const authorities = [encodePem('CERTIFICATE', nodes.certificate.der)];
  it = await startAttesting([x509popAttestor({ trustDomain: TRUST_DOMAIN, authorities })]);
});
afterAll(() => it.close());
beforeEach(() => it.ledger.clock.set(NOW * 1000));

let ids = 0;
const newEntry = (changes: Partial<Entry> = {}) => it.entry(`r${++ids}`, changes);

const newAgent = async () => {
  const { token } = await createJoinToken(it.attesting, { purpose: { agent: null }, by: 'uid:0' });
  return attestWith(it, 'join_token', { token });
};

const newWorkload = async (entry: Entry) => {
  const { token } = await createJoinToken(it.attesting, { purpose: { entry: entry.id }, by: 'uid:0' });
  return attestWith(it, 'join_token', { token });
};

/** As a caller at `/v1/svids/x509`, who names no entry. */
const renew = async (from: AttestedIdentity | IssuedX509, key: TestKey = newKey()): Promise<IssuedX509> => {
  const items = [{ csr: writeCsr(key.privateKey) }];
  const [outcome] = await issueX509Svids(it.attesting, callerOf(it, from), items, '192.0.2.1');
  if (outcome && 'value' in outcome) return outcome.value;
  throw outcome?.refusal;
};

const refused = (code: string) => expect.objectContaining({ code, decisionId: expect.any(String) });
const reason = () => it.lastDenial()?.reason;

describe('an agent renews', () => {
  test('with a new key, and its successor names it', async () => {
    const first = await newAgent();
    it.ledger.clock.advance(12 * 3_600_000);
    const second = await renew(first);
    expect(second).toMatchObject({ spiffeId: first.spiffeId, notAfter: NOW + 36 * 3600 });
    expect(it.ledger.views.credentials.get(second.id)).toMatchObject({
      role: 'agent',
      predecessor: first.id,
      attestation: first.attestation,
    });
    await expect(renew(second)).resolves.toMatchObject({ spiffeId: first.spiffeId });
  });

  // DEC-12
  test('again with the same key, since the answer may have been lost', async () => {
    const first = await newAgent();
    const key = newKey();
    const second = await renew(first, key);
    const again = await renew(first, key);
    expect(again.id).not.toBe(second.id);
  });

  test('and a second key on the same serial is a clone: renewal stops until an operator unlocks it', async () => {
    const first = await newAgent();
    const key = newKey();
    const second = await renew(first, key);
    await expect(renew(first)).rejects.toThrow(refused('renewal_refused'));
    expect(reason()).toMatch(/clone/);

    const lock = it.facts('revoked').at(-1);
    expect(lock).toMatchObject({ target: { kind: 'identity', value: first.spiffeId }, predicates: ['lock'] });
    await expect(renew(second)).rejects.toThrow(refused('renewal_refused'));
    await expect(renew(first, key)).rejects.toThrow(refused('renewal_refused'));

    if (!lock) throw new Error('no lock');
    await it.ledger.ledger.append({ facts: [{ kind: 'revocation-released', id: lock.id, by: 'uid:0' }] });
    await expect(renew(second)).resolves.toBeDefined();
  });

  test('of twenty keys at once one wins, and the others are clones', async () => {
    const first = await newAgent();
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => renew(first)));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('not after its successor was presented', async () => {
    const first = await newAgent();
    const key = newKey();
    const second = await renew(first, key);
    await it.ledger.ledger.append({ facts: [{ kind: 'superseded', predecessor: first.id, successor: second.id }] });
    await expect(renew(first, key)).rejects.toThrow(refused('renewal_refused'));
  });

  test.each([[['block']], [['cutoff']], [['hold']]] as const)('not under a %s', async (predicates) => {
    const first = await newAgent();
    await it.revoke({ kind: 'agent', value: first.spiffeId }, ...predicates);
    await expect(renew(first)).rejects.toThrow(refused('revoked'));
  });
});

// DEC-14
describe('an agentless identity renews', () => {
  test('ten minutes at a time, until a day after it attested', async () => {
    let held: AttestedIdentity | IssuedX509 = await newWorkload(await newEntry());
    it.ledger.clock.advance(300_000);
    held = await renew(held);
    expect(held.notAfter).toBe(NOW + 300 + 600);

    it.ledger.clock.set((NOW + 86_400 - 100) * 1000);
    held = await renew(held);
    expect(held.notAfter).toBe(NOW + 86_400);

    it.ledger.clock.set((NOW + 86_400) * 1000);
    await expect(renew(held)).rejects.toThrow(refused('renewal_refused'));
    expect(reason()).toMatch(/session is over/);
  });

  test('with what its entry says now', async () => {
    const entry = await newEntry();
    const first = await newWorkload(entry);
    await it.entry(entry.id, { ...entry, revision: 2, x509Ttl: 1200 });
    expect((await renew(first)).notAfter).toBe(NOW + 1200);
    expect(it.facts('issued').at(-1)?.leans.entry).toEqual({ id: entry.id, revision: 2 });
  });

  test.each([
    ['gives another ID', { spiffeId: parseSpiffeId('spiffe://example.org/another') }],
    ['has expired', { expiresAt: NOW }],
    ['is for workloads of an agent', { parentId: parseSpiffeId('spiffe://example.org/mayfly/agent/x/y') }],
  ])('not when its entry %s', async (_what, changes) => {
    const entry = await newEntry();
    const first = await newWorkload(entry);
    await it.entry(entry.id, { ...entry, revision: 2, ...changes });
    await expect(renew(first)).rejects.toThrow(refused('no_identity'));
  });

  test('not when its entry is gone', async () => {
    const entry = await newEntry();
    const first = await newWorkload(entry);
    const { id, spiffeId } = entry;
    await it.ledger.ledger.append({
      facts: [{ kind: 'entry-deleted', id, spiffeId, by: 'test', leans: { policy: 1 } }],
    });
    await expect(renew(first)).rejects.toThrow(refused('no_identity'));
  });

  test('not when its entry asks for more than was proven', async () => {
    const node = newKey();
    const leaf = await issueLeaf(nodes, leafPlan(nodes, node, { subject: { commonName: 'proven' } }));
    const entry = await newEntry({ selectors: ['x509pop:subject:cn:proven'] });
    const { csr, challenge, signature } = answered(it, node);
    const evidence = { chain: [leaf.toString('base64')], signature };
    const first = await attestWith(it, 'x509pop', evidence, { csr, challenge, role: 'agentless' });
    const second = await renew(first);
    await it.entry(entry.id, {
      ...entry,
      revision: 2,
      selectors: ['x509pop:subject:cn:proven', 'x509pop:subject:o:x'],
    });
    await expect(renew(second)).rejects.toThrow(refused('no_identity'));
    expect(reason()).toMatch(/not proven/);
  });
});

test.each(['workload', 'server'] as const)('a credential of role %s is not renewed', async (role) => {
  const agent = await newAgent();
  const caller: Caller = callerOf(it, agent, { role });
  const csr = readCsr(writeCsr(newKey().privateKey));
  expect(() => planRenewal(it.attesting, caller, csr)).toThrow(expect.objectContaining({ code: 'renewal_refused' }));
});
