import { X509Certificate } from 'node:crypto';
import type { Entry } from '../../src/domain/entry.ts';
import { parseSpiffeId } from '../../src/domain/spiffe-id.ts';
import { writeCsr } from '../../src/formats/csr-writer.ts';
import { joinTokenHash } from '../../src/formats/join-token.ts';
import { createJoinToken } from '../../src/usecases/create-join-token.ts';
import { attestWith, possessionBy, startAttesting, type TestAttesting } from '../support/attesting.ts';
import { newKey, NOW } from '../support/x509.ts';

let it: TestAttesting;
beforeAll(async () => {
  it = await startAttesting();
});
afterAll(() => it.close());
beforeEach(() => it.ledger.clock.set(NOW * 1000));

let ids = 0;
const newEntry = (changes: Partial<Entry> = {}) => it.entry(`w${++ids}`, changes);

const agentToken = async (agent: string | null = null) =>
  createJoinToken(it.attesting, { purpose: { agent }, by: 'uid:0' });
const entryToken = async (entry: string) => createJoinToken(it.attesting, { purpose: { entry }, by: 'uid:0' });

const refusal = (code: string) => expect.objectContaining({ code, decisionId: expect.any(String) });
const badEvidence = expect.objectContaining({
  code: 'attestation_refused',
  message: 'the evidence was not accepted',
  decisionId: expect.any(String),
});

/** What an operator reads of the last refusal. */
const reason = () => it.lastDenial()?.reason;

describe('join token for an agent', () => {
  test('gives an agent its ID, and puts on record what was proven, decided and issued (DEC-5)', async () => {
    const { token, id, spiffeId } = await agentToken();
    const before = it.ledger.views.log.head().size;
    const identity = await attestWith(it, 'join_token', { token });

    expect(identity.spiffeId).toBe(`spiffe://example.org/mayfly/agent/join_token/${id}`);
    expect(identity.spiffeId).toBe(spiffeId);
    expect(identity).toMatchObject({ role: 'agent', notAfter: NOW + 86_400 });
    expect(identity.renewUntil).toBeUndefined();

    const [leaf] = identity.chain.map((der) => new X509Certificate(der));
    expect(leaf?.subjectAltName).toBe(`URI:${identity.spiffeId}`);
    expect(leaf?.serialNumber.toLowerCase().padStart(32, '0')).toBe(identity.id);

    const [attested, decided, issued, ...more] = [0, 1, 2, 3].map((at) => it.ledger.views.log.at(before + at)?.fact);
    const leans = { evidence: joinTokenHash(token), joinToken: id, policy: 1 };
    expect(attested).toMatchObject({ kind: 'attested', id: identity.attestation, attestor: 'join_token', leans });
    expect(attested).toMatchObject({ selectors: [`join_token:${id}`], renewUntil: NOW + 30 * 86_400 });
    expect(decided).toMatchObject({ kind: 'decided', operation: 'attest', attestation: identity.attestation, leans });
    expect(issued).toMatchObject({ kind: 'issued', id: identity.id, role: 'agent', attestation: identity.attestation });
    expect(identity.ledger.index).toBe(before + 2);
    expect(more).toEqual([undefined]);
  });

  test('the agent may have a name', async () => {
    const { token } = await agentToken('node-7');
    const { spiffeId } = await attestWith(it, 'join_token', { token });
    expect(spiffeId).toBe('spiffe://example.org/mayfly/agent/join_token/node-7');
  });

  // DEC-12, and the 100 tries of attestation
  test('of 100 keys at once exactly one redeems it', async () => {
    const { token, spiffeId } = await agentToken();
    const tries = await Promise.allSettled(Array.from({ length: 100 }, () => attestWith(it, 'join_token', { token })));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const one of tries) if (one.status === 'rejected') expect(one.reason).toEqual(badEvidence);
    expect(it.facts('issued').filter((fact) => fact.spiffeId === spiffeId)).toHaveLength(1);
    expect(it.facts('denied').filter((fact) => fact.spiffeId === spiffeId)).toHaveLength(99);
    expect(reason()).toBe('join-token was used before');
  });

  test('the same key may ask again, since its answer may have been lost', async () => {
    const { token } = await agentToken();
    const key = newKey();
    const first = await attestWith(it, 'join_token', { token }, { key });
    const second = await attestWith(it, 'join_token', { token }, { key });
    expect(second.spiffeId).toBe(first.spiffeId);
    expect(second.id).not.toBe(first.id);
  });

  test('a banned agent does not come back with a new token', async () => {
    const banned = await agentToken('banned');
    await it.revoke({ kind: 'agent', value: banned.spiffeId }, 'block', 'cutoff');
    await expect(attestWith(it, 'join_token', { token: banned.token })).rejects.toThrow(refusal('revoked'));
  });

  test('pins the node key that it shows', async () => {
    const { token, spiffeId } = await agentToken();
    const key = newKey();
    const node = newKey();
    const csr = writeCsr(key.privateKey);
    const nodeKey = { spki: node.spki, signature: possessionBy(node, csr) };
    await attestWith(it, 'join_token', { token }, { csr, nodeKey });
    expect(it.ledger.views.attestations.newest(spiffeId)?.nodeKey).toBe(node.spki.toString('base64'));
  });

  test('does not pin a node key that it does not hold', async () => {
    const { token, spiffeId } = await agentToken();
    const csr = writeCsr(newKey().privateKey);
    const nodeKey = { spki: newKey().spki, signature: possessionBy(newKey(), csr) };
    await expect(attestWith(it, 'join_token', { token }, { csr, nodeKey })).rejects.toThrow(badEvidence);
    expect(reason()).toContain('node key');
    expect(it.ledger.views.attestations.newest(spiffeId)).toBeUndefined();
    await expect(attestWith(it, 'join_token', { token })).resolves.toBeDefined();
  });
});

describe('join token for an entry (DEC-16)', () => {
  test('gives the identity of that entry, for ten minutes at a time and a day in all', async () => {
    const entry = await newEntry();
    const { token, id } = await entryToken(entry.id);
    const identity = await attestWith(it, 'join_token', { token });
    expect(identity).toMatchObject({ role: 'agentless', spiffeId: entry.spiffeId, notAfter: NOW + 600 });
    expect(identity.renewUntil).toBe(NOW + 86_400);
    const attested = it.ledger.views.attestations.get(identity.attestation);
    expect(attested?.selectors).toEqual([`join_token:${id}`]);
    expect(it.facts('decided').at(-1)).toMatchObject({ entry: entry.id, leans: { entry: { revision: 1 } } });
  });

  test('with the TTL and DNS names of the entry', async () => {
    const entry = await newEntry({ x509Ttl: 1800, dnsNames: ['db.example.org'] });
    const { token } = await entryToken(entry.id);
    const identity = await attestWith(it, 'join_token', { token });
    expect(identity.notAfter).toBe(NOW + 1800);
    const [leaf] = identity.chain.map((der) => new X509Certificate(der));
    expect(leaf?.subjectAltName).toContain('DNS:db.example.org');
  });

  test.each([
    [
      'has been deleted',
      async (entry: Entry) => {
        const fact = {
          kind: 'entry-deleted',
          id: entry.id,
          spiffeId: entry.spiffeId,
          by: 'test',
          leans: { policy: 1 },
        } as const;
        await it.ledger.ledger.append({ facts: [fact] });
      },
      'gone',
    ],
    [
      'has moved under an agent',
      async (entry: Entry) => {
        await it.entry(entry.id, { revision: 2, parentId: parseSpiffeId('spiffe://example.org/mayfly/agent/x/y') });
      },
      'another parent',
    ],
    [
      'has expired',
      async (entry: Entry) => {
        await it.entry(entry.id, { revision: 2, expiresAt: NOW });
      },
      'expired',
    ],
  ])('nothing when the entry %s', async (_what, change, why) => {
    const entry = await newEntry();
    const { token } = await entryToken(entry.id);
    await change(entry);
    await expect(attestWith(it, 'join_token', { token })).rejects.toThrow(refusal('no_identity'));
    expect(reason()).toContain(why);
    expect(it.lastDenial()?.entry).toBe(entry.id);
  });

  test.each(['block', 'hold'] as const)('nothing under a %s on the identity', async (predicate) => {
    const entry = await newEntry();
    const { token } = await entryToken(entry.id);
    await it.revoke({ kind: 'identity', value: entry.spiffeId }, predicate);
    await expect(attestWith(it, 'join_token', { token })).rejects.toThrow(refusal('revoked'));
  });

  test('is no token for an agent, and one for an agent none for a workload', async () => {
    const { token } = await entryToken((await newEntry()).id);
    await expect(attestWith(it, 'join_token', { token }, { role: 'agent' })).rejects.toThrow(badEvidence);
    const other = await agentToken();
    await expect(attestWith(it, 'join_token', { token: other.token }, { role: 'agentless' })).rejects.toThrow(
      badEvidence,
    );
  });

  test('gives no other SPIFFE ID', async () => {
    const { token } = await entryToken((await newEntry()).id);
    const spiffeId = parseSpiffeId('spiffe://example.org/other');
    await expect(attestWith(it, 'join_token', { token }, { spiffeId })).rejects.toThrow(refusal('no_identity'));
    expect(it.lastDenial()).toMatchObject({ asked: { spiffeId } });
  });

  test('takes no node key', async () => {
    const { token } = await entryToken((await newEntry()).id);
    const node = newKey();
    const csr = writeCsr(newKey().privateKey);
    const nodeKey = { spki: node.spki, signature: possessionBy(node, csr) };
    await expect(attestWith(it, 'join_token', { token }, { csr, nodeKey })).rejects.toThrow(badEvidence);
  });
});

describe('bad evidence', () => {
  test.each([
    ['a token that nobody made', { token: `mf-join-${'A'.repeat(32)}` }, 'no such join token'],
    ['a token of another form', { token: 'mf-join-short' }, 'form'],
    ['no token', {}, 'form'],
    ['a list', [], 'form'],
    ['nothing', null, 'form'],
    ['more than a token', { token: `mf-join-${'A'.repeat(32)}`, extra: 1 }, 'form'],
  ])('%s', async (_what, evidence, why) => {
    await expect(attestWith(it, 'join_token', evidence)).rejects.toThrow(badEvidence);
    expect(it.lastDenial()).toMatchObject({ operation: 'attest', attestor: 'join_token', source: '192.0.2.1' });
    expect(reason()).toContain(why);
  });

  test('an expired token, and the caller does not learn why', async () => {
    const { token, id, expiresAt } = await agentToken();
    it.ledger.clock.set(expiresAt * 1000);
    const answer = await attestWith(it, 'join_token', { token }).catch((error: unknown) => error);
    expect(answer).toEqual(badEvidence);
    expect((answer as Error).message).not.toMatch(/expired|token/);
    expect(reason()).toBe(`join token ${id} has expired`);
  });

  test('a type of evidence that does not exist, whose name goes nowhere', async () => {
    await expect(attestWith(it, 'invented<type>', {})).rejects.toThrow(badEvidence);
    expect(JSON.stringify(it.lastDenial())).not.toContain('invented');
  });

  test('no token, key or evidence is ever in a fact', async () => {
    const { token } = await agentToken();
    await attestWith(it, 'join_token', { token });
    await expect(attestWith(it, 'join_token', { token })).rejects.toThrow(badEvidence);
    const { log } = it.ledger.views;
    const everything = Array.from({ length: log.head().size }, (_, at) => JSON.stringify(log.at(at))).join('\n');
    expect(everything).toContain(joinTokenHash(token));
    expect(everything).not.toContain(token);
    expect(everything).not.toContain(token.slice('mf-join-'.length));
  });

  test('a malformed request spends nothing', async () => {
    const { token } = await agentToken();
    await expect(attestWith(it, 'join_token', { token }, { csr: Buffer.from('no csr') })).rejects.toThrow(
      refusal('invalid_csr'),
    );
    await expect(attestWith(it, 'join_token', { token })).resolves.toBeDefined();
  });
});

describe('creating join tokens', () => {
  const create = (purpose: { agent: string | null } | { entry: string }, ttl?: number) =>
    createJoinToken(it.attesting, { purpose, by: 'uid:0', ...(ttl !== undefined && { ttl }) });

  test('lives ten minutes, and only its hash is on record', async () => {
    const { token, id, expiresAt } = await create({ agent: null });
    expect(token).toMatch(/^mf-join-[A-Za-z0-9_-]{32}$/);
    expect(expiresAt).toBe(NOW + 600);
    expect(it.ledger.views.joinTokens.byHash(joinTokenHash(token))).toMatchObject({ id, expiresAt, voided: false });
  });

  test.each([0, 29, -1, 1.5, 604_801, Number.NaN])('refuses a life of %d seconds', async (ttl) => {
    await expect(create({ agent: null }, ttl)).rejects.toThrow(expect.objectContaining({ field: 'ttl' }));
  });

  test.each(['', 'a/b', '..', 'a b', 'é'])('refuses the agent name %j', async (agent) => {
    await expect(create({ agent })).rejects.toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });

  test('refuses an entry that is not there, or is for workloads of an agent', async () => {
    await expect(create({ entry: 'nothing' })).rejects.toThrow(expect.objectContaining({ code: 'not_found' }));
    const { id } = await newEntry({ parentId: parseSpiffeId('spiffe://example.org/mayfly/agent/x/y') });
    await expect(create({ entry: id })).rejects.toThrow(
      expect.objectContaining({ code: 'invalid_request', field: 'entry' }),
    );
  });
});
