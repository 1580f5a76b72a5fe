import { RECORD_ID_ENTROPY, recordId } from '../../src/domain/record-id.ts';
import { parseSpiffeId, type SpiffeId } from '../../src/domain/spiffe-id.ts';
import { writeCsr } from '../../src/formats/csr-writer.ts';
import { createJoinToken } from '../../src/usecases/create-join-token.ts';
import { answered, attestWith, possessionBy, startAttesting, type TestAttesting } from '../support/attesting.ts';
import { newKey, type TestKey } from '../support/x509.ts';

const DAY = 86_400_000;

let it: TestAttesting;
beforeEach(async () => {
  it = await startAttesting();
});
afterEach(() => it.close());

/** An agent that attested with a join token and pinned a node key. */
const newAgent = async (pin = true): Promise<{ readonly spiffeId: SpiffeId; readonly node: TestKey }> => {
  const { token } = await createJoinToken(it.attesting, { purpose: { agent: null }, by: 'uid:0' });
  const node = newKey();
  const csr = writeCsr(newKey().privateKey);
  const nodeKey = { spki: node.spki, signature: possessionBy(node, csr) };
  const { spiffeId } = await attestWith(it, 'join_token', { token }, { csr, ...(pin && { nodeKey }) });
  return { spiffeId, node };
};

const comeBack = (spiffeId: string, node: TestKey, key?: TestKey) => {
  const { csr, challenge, signature } = answered(it, node, key);
  return attestWith(it, 'node_key', { spiffeId, signature }, { csr, challenge });
};

const refused = expect.objectContaining({
  code: 'attestation_refused',
  message: 'the evidence was not accepted',
  decisionId: expect.any(String),
});
const reason = () => it.lastDenial()?.reason;

// DEC-13
describe('an agent comes back with its node key', () => {
  test('to the same ID and selectors, and the key stays pinned', async () => {
    const { spiffeId, node } = await newAgent();
    const before = it.ledger.views.attestations.newest(spiffeId);
    await it.pass(29 * DAY);
    const identity = await comeBack(spiffeId, node);
    expect(identity).toMatchObject({ spiffeId, role: 'agent' });
    const after = it.ledger.views.attestations.newest(spiffeId);
    expect(after).toMatchObject({ id: identity.attestation, attestor: 'node_key' });
    expect(after?.selectors).toEqual(before?.selectors);
    expect(after?.nodeKey).toBe(node.spki.toString('base64'));
  });

  test('again and again, thirty days at a time', async () => {
    const { spiffeId, node } = await newAgent();
    for (let times = 0; times < 3; times += 1) {
      await it.pass(25 * DAY);
      await expect(comeBack(spiffeId, node)).resolves.toMatchObject({ spiffeId });
    }
    await it.pass(32 * DAY);
    await expect(comeBack(spiffeId, node)).rejects.toThrow(refused);
    expect(reason()).toMatch(/has expired/);
  });

  test('thirty days after its SVID ended, not after it first attested', async () => {
    const { spiffeId, node } = await newAgent();
    await it.pass(30 * DAY);
    await expect(comeBack(spiffeId, node)).resolves.toBeDefined();
  });

  test('not later', async () => {
    const { spiffeId, node } = await newAgent();
    await it.pass(31 * DAY);
    await expect(comeBack(spiffeId, node)).rejects.toThrow(refused);
  });

  test('not with another key', async () => {
    const { spiffeId } = await newAgent();
    await expect(comeBack(spiffeId, newKey())).rejects.toThrow(refused);
    expect(reason()).toMatch(/node key: the signature does not verify/);
  });

  test("not with another agent's key", async () => {
    const { spiffeId } = await newAgent();
    const other = await newAgent();
    await expect(comeBack(spiffeId, other.node)).rejects.toThrow(refused);
  });

  test('not with a signature over another request or a used challenge', async () => {
    const { spiffeId, node } = await newAgent();
    const { csr, challenge, signature } = answered(it, node);
    const other = writeCsr(newKey().privateKey);
    await expect(attestWith(it, 'node_key', { spiffeId, signature }, { csr: other, challenge })).rejects.toThrow(
      refused,
    );
    await attestWith(it, 'node_key', { spiffeId, signature }, { csr, challenge });
    await expect(attestWith(it, 'node_key', { spiffeId, signature }, { csr, challenge })).rejects.toThrow(refused);
    expect(reason()).toBe('challenge was used before');
  });

  test('not without having pinned one', async () => {
    const { spiffeId, node } = await newAgent(false);
    await expect(comeBack(spiffeId, node)).rejects.toThrow(refused);
    expect(reason()).toMatch(/pinned no node key/);
  });

  test.each(['spiffe://example.org/mayfly/agent/join_token/nobody', 'spiffe://example.org/mayfly/server', 'nonsense'])(
    'not as %s',
    async (spiffeId) => {
      await expect(comeBack(spiffeId, newKey())).rejects.toThrow(refused);
    },
  );

  test('not as an agentless workload', async () => {
    const entry = await it.entry('cron');
    const { token } = await createJoinToken(it.attesting, { purpose: { entry: entry.id }, by: 'uid:0' });
    await attestWith(it, 'join_token', { token });
    await expect(comeBack(entry.spiffeId, newKey())).rejects.toThrow(refused);
    expect(reason()).toMatch(/no agent/);
  });

  test('and cannot swap the pinned key for another', async () => {
    const { spiffeId, node } = await newAgent();
    const { csr, challenge, signature } = answered(it, node);
    const other = newKey();
    const nodeKey = { spki: other.spki, signature: possessionBy(other, csr) };
    await expect(attestWith(it, 'node_key', { spiffeId, signature }, { csr, challenge, nodeKey })).rejects.toThrow(
      refused,
    );
  });
});

describe('an agent that was stopped does not come back', () => {
  test.each([
    ['banned', ['block', 'cutoff'], 'banned'],
    ['held', ['hold'], 'banned'],
    ['evicted', ['cutoff'], 'revoked after'],
  ] as const)('%s', async (_what, predicates, why) => {
    const { spiffeId, node } = await newAgent();
    await it.revoke({ kind: 'agent', value: spiffeId }, ...predicates);
    await expect(comeBack(spiffeId, node)).rejects.toThrow(refused);
    expect(reason()).toContain(why);
  });

  test('locked, since a clone was seen', async () => {
    const { spiffeId, node } = await newAgent();
    await it.revoke({ kind: 'identity', value: spiffeId }, 'lock');
    await expect(comeBack(spiffeId, node)).rejects.toThrow(refused);
    expect(reason()).toMatch(/clone/);
  });

  // P2, DEC-4
  test('evicted between its proof and its record', async () => {
    const { spiffeId, node } = await newAgent();
    const back = comeBack(spiffeId, node);
    const evicted = it.revoke({ kind: 'agent', value: spiffeId }, 'cutoff');
    const [answer] = await Promise.allSettled([back, evicted]);
    expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'revoked' } });
  });

  test('with all agents', async () => {
    const { spiffeId, node } = await newAgent();
    const id = recordId(it.ledger.clock.now(), it.ledger.entropy.bytes(RECORD_ID_ENTROPY));
    const target = { kind: 'prefix', value: parseSpiffeId('spiffe://example.org/mayfly/agent') } as const;
    await it.ledger.ledger.append({
      facts: [{ kind: 'revoked', id, target, predicates: ['block'], reason: 'test', by: 'test' }],
    });
    await expect(comeBack(spiffeId, node)).rejects.toThrow(refused);
    await it.ledger.ledger.append({ facts: [{ kind: 'revocation-released', id, by: 'test' }] });
    await expect(comeBack(spiffeId, node)).resolves.toBeDefined();
  });
});
