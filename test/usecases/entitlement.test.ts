import type { Entry } from '../../src/domain/entry.ts';
import type { Attested } from '../../src/domain/fact.ts';
import { parseSpiffeId, serverId, type SpiffeId } from '../../src/domain/spiffe-id.ts';
import type { Caller } from '../../src/usecases/authenticate-caller.ts';
import { adminOf, entryUnderAgent, groupLeans, ownEntry, parentsOf } from '../../src/usecases/entitlement.ts';
import { testPolicy, TRUST_DOMAIN } from '../support/authorities.ts';
import { AGENT, authorityFixture, CA, entryFixture, issuedFixture, newId, START } from '../support/facts.ts';
import { openTestLedger, type TestLedger } from '../support/ledger.ts';

const SERVER = serverId(TRUST_DOMAIN);
const NOW = START / 1000;

let world: TestLedger;
let reader: Pick<TestLedger, 'views' | 'clock'> & { policy: ReturnType<typeof testPolicy> };
let made = 0;

const append = async (facts: Parameters<TestLedger['ledger']['append']>[0]['facts']): Promise<void> => {
  const appended = await world.ledger.append({ facts });
  if (appended.status !== 'committed') throw new Error(JSON.stringify(appended));
};

beforeAll(async () => {
  world = await openTestLedger();
  reader = { ...world, policy: testPolicy(TRUST_DOMAIN) };
  await append([
    { kind: 'authority-prepared', authority: authorityFixture(), by: 'test' },
    { kind: 'authority-activated', id: CA, purpose: 'x509-issuing', by: 'test' },
  ]);
});

afterAll(() => world.close());

const freshId = (): SpiffeId => parseSpiffeId(`spiffe://example.org/w${(made += 1)}`);

/** Puts an entry on record; the selectors are its own unless told, so that no two tests meet. */
const written = async (options: Partial<Entry> = {}): Promise<Entry> => {
  const spiffeId = options.spiffeId ?? freshId();
  const entry = entryFixture({
    id: `e-${(made += 1)}`,
    parentId: SERVER,
    spiffeId,
    selectors: [`t:${made}`],
    ...options,
  });
  await append([{ kind: 'entry-created', entry, by: 'test', leans: { policy: 1 } }]);
  return entry;
};

const changed = async (entry: Entry, over: Partial<Entry>): Promise<void> => {
  const next = { ...entry, ...over, revision: entry.revision + 1 };
  await append([{ kind: 'entry-updated', entry: next, by: 'test', leans: { policy: 1 } }]);
};

const deleted = ({ id, spiffeId }: Entry): Promise<void> =>
  append([{ kind: 'entry-deleted', id, spiffeId, by: 'test', leans: { policy: 1 } }]);

/** Someone who proved `selectors` and holds a credential for it. */
const attested = async (over: Partial<Attested>, entry?: Entry): Promise<Caller> => {
  const attestation: Attested = {
    kind: 'attested',
    id: newId(),
    attestor: 'x509pop',
    role: 'agent',
    spiffeId: AGENT,
    selectors: [],
    evidence: newId().repeat(2),
    spki: 'e'.repeat(64),
    renewUntil: NOW + 86_400,
    leans: { policy: 1 },
    spends: [],
    ...over,
  };
  const { entry: _entry, agent: _agent, ...plain } = issuedFixture({ leans: { policy: 1, authority: CA } });
  const issued = {
    ...plain,
    spiffeId: attestation.spiffeId,
    role: attestation.role,
    attestation: attestation.id,
    ...(entry && { entry: entry.id }),
  };
  await append([attestation, issued]);
  const row = world.views.credentials.get(issued.id);
  if (!row) throw new Error('the credential is not on record');
  const { id: serial, spiffeId, role, notAfter } = row;
  return { serial, spiffeId, role, row, certificateSha256: '', spkiSha256: '', notAfter };
};

/** An agentless workload that has just got what `entry` gives. */
const workload = (entry: Entry, over: Partial<Attested> = {}): Promise<Caller> =>
  attested({ role: 'agentless', spiffeId: entry.spiffeId, selectors: entry.selectors, ...over }, entry);

const noIdentity = (reason: string) =>
  expect.objectContaining({
    code: 'no_identity',
    message: 'no entry gives this identity to the caller',
    reason,
  }) as Error;

const { attestation: _attestation, ...rowWithout } = {
  ...issuedFixture(),
  index: 1,
  superseded: false,
  attestation: newId(),
};
const unattested: Caller = {
  serial: rowWithout.id,
  spiffeId: rowWithout.spiffeId,
  role: 'agent',
  row: rowWithout,
  certificateSha256: '',
  spkiSha256: '',
  notAfter: rowWithout.notAfter,
};

const GONE = 'the attestation of the caller is no longer on record';

// DEC-27
describe('the parents whose entries an agent may ask for', () => {
  test('are its own ID and the groups whose selectors it proved, all of them', async () => {
    const group = await written({ selectors: ['node:a', 'node:b'] });
    const half = await written({ selectors: ['node:a', 'node:z'] });
    const under = await written({ selectors: ['node:a'], parentId: AGENT });
    const over = await written({ selectors: ['node:b'], expiresAt: NOW });
    const caller = await attested({ selectors: ['node:a', 'node:b', 'node:c'] });
    const parents = parentsOf(reader, caller);
    expect([...parents]).toEqual([
      [group.spiffeId, group],
      [AGENT, undefined],
    ]);
    expect(groupLeans(parents, { ...under, parentId: group.spiffeId })).toEqual({
      group: { id: group.id, revision: 1 },
    });
    expect(groupLeans(parents, under)).toEqual({});
    for (const each of [half, under, over]) expect(parents.has(each.spiffeId)).toBe(false);
  });

  test('are its own ID alone when it proved nothing', async () => {
    expect([...parentsOf(reader, await attested({})).keys()]).toEqual([AGENT]);
  });

  test('are unknown without an attestation on record', () => {
    expect(() => parentsOf(reader, unattested)).toThrow(noIdentity(GONE));
    const other = { ...unattested, row: { ...rowWithout, attestation: newId() } };
    expect(() => parentsOf(reader, other)).toThrow(noIdentity(GONE));
  });
});

// DEC-14
describe('an entry under an agent', () => {
  const parents = new Map([[AGENT, undefined]]);

  test('is given as it stands now', async () => {
    const entry = await written({ parentId: AGENT, expiresAt: NOW + 1 });
    expect(entryUnderAgent(reader, parents, entry.id)).toEqual(entry);
    await changed(entry, { hint: 'new' });
    expect(entryUnderAgent(reader, parents, entry.id)).toMatchObject({ revision: 2, hint: 'new' });
  });

  test('is not given when it is missing, deleted, expired or under another parent', async () => {
    const refusesWith = (entry: Pick<Entry, 'id'>, reason: string) =>
      expect(() => entryUnderAgent(reader, parents, entry.id)).toThrow(noIdentity(reason));
    refusesWith({ id: 'never' }, 'there is no such entry');
    refusesWith(await written({ parentId: AGENT, expiresAt: NOW }), 'the entry has expired');
    refusesWith(await written(), `the entry has another parent: ${SERVER}`);
    const below = parseSpiffeId(`${AGENT}/below`);
    refusesWith(await written({ parentId: below }), `the entry has another parent: ${below}`);
    const gone = await written({ parentId: AGENT });
    await deleted(gone);
    refusesWith(gone, 'there is no such entry');
  });

  test('of another agent is not told to have expired', async () => {
    const entry = await written({ expiresAt: NOW });
    expect(() => entryUnderAgent(reader, parents, entry.id)).toThrow(
      noIdentity(`the entry has another parent: ${SERVER}`),
    );
  });
});

// DEC-14
describe("an agentless caller's own entry", () => {
  test('is the one on its row, as long as it gives the same for what was proven', async () => {
    const entry = await written();
    const caller = await workload(entry);
    expect(ownEntry(reader, caller)).toEqual(entry);
    await changed(entry, { hint: 'still' });
    expect(ownEntry(reader, caller)).toMatchObject({ revision: 2 });
  });

  test.each<[string, Partial<Entry>, string]>([
    [
      'gives another ID',
      { spiffeId: parseSpiffeId('spiffe://example.org/another') },
      'the entry of the caller now gives another SPIFFE ID',
    ],
    ['has expired', { expiresAt: NOW }, 'the entry of the caller has expired'],
    ['moved under an agent', { parentId: AGENT }, 'the entry of the caller is now for workloads of an agent'],
    [
      'asks for more than was proven',
      { selectors: ['t:0', 't:more'] },
      'the entry of the caller asks for selectors that were not proven',
    ],
  ])('gives nothing once it %s', async (_, over, reason) => {
    const entry = await written({ selectors: ['t:0'] });
    const caller = await workload(entry);
    await changed(entry, over);
    expect(() => ownEntry(reader, caller)).toThrow(noIdentity(reason));
  });

  test('gives nothing once it is deleted, though a twin gives the same', async () => {
    const entry = await written();
    const caller = await workload(entry);
    await deleted(entry);
    await written({ spiffeId: entry.spiffeId, selectors: entry.selectors });
    expect(() => ownEntry(reader, caller)).toThrow(noIdentity('the entry of the caller is gone'));
  });

  test('gives nothing to a caller without an entry or an attestation', async () => {
    expect(() => ownEntry(reader, unattested)).toThrow(noIdentity('the entry of the caller is gone'));
    const entry = await written();
    const { spiffeId } = entry;
    const caller = { ...unattested, spiffeId, row: { ...rowWithout, entry: entry.id } };
    expect(() => ownEntry(reader, caller)).toThrow(noIdentity(GONE));
  });

  // DEC-16: the operator's word stands in place of selectors
  test('needs no selector after a join token, and every other rule holds', async () => {
    const entry = await written();
    const caller = await workload(entry, { attestor: 'join_token', selectors: [] });
    expect(ownEntry(reader, caller)).toEqual(entry);
    await changed(entry, { expiresAt: NOW });
    expect(() => ownEntry(reader, caller)).toThrow(noIdentity('the entry of the caller has expired'));
  });
});

// DEC-28
describe('what a caller administers', () => {
  const admin = { role: 'registrar', prefix: parseSpiffeId('spiffe://example.org/prod') } as const;

  test('is what its entry says now, not what it said on the day of issuance', async () => {
    const entry = await written({ admin });
    const caller = await workload(entry);
    expect(adminOf(reader, caller)).toEqual({ ...admin, rights: { id: entry.id, revision: 1 } });
    await changed(entry, { admin: { ...admin, role: 'viewer' } });
    expect(adminOf(reader, caller)).toMatchObject({ role: 'viewer', rights: { id: entry.id, revision: 2 } });
  });

  test('is nothing once the role is taken, the entry expired, gives another ID, or is deleted', async () => {
    const { admin: _admin, ...plain } = await written({ admin });
    const taken = await workload(plain);
    await append([{ kind: 'entry-updated', entry: { ...plain, revision: 2 }, by: 'test', leans: { policy: 1 } }]);
    expect(adminOf(reader, taken)).toBeUndefined();
    for (const over of [{ expiresAt: NOW }, { spiffeId: freshId() }]) {
      const entry = await written({ admin });
      const caller = await workload(entry);
      await changed(entry, over);
      expect(adminOf(reader, caller)).toBeUndefined();
    }
    const entry = await written({ admin });
    const caller = await workload(entry);
    await deleted(entry);
    expect(adminOf(reader, caller)).toBeUndefined();
  });

  test('is nothing without an entry, or with that of another', async () => {
    expect(adminOf(reader, unattested)).toBeUndefined();
    const entry = await written({ admin });
    const caller = { ...unattested, row: { ...rowWithout, entry: entry.id } };
    expect(adminOf(reader, caller)).toBeUndefined();
  });
});
