import type { KeyId } from '../../../src/domain/authority.ts';
import type { Entry } from '../../../src/domain/entry.ts';
import type { Fact } from '../../../src/domain/fact.ts';
import type { Resource } from '../../../src/domain/resource.ts';
import type { SpiffeId } from '../../../src/domain/spiffe-id.ts';
import { Follower } from '../../../src/ledger/follow.ts';
import {
  AGENT,
  authorityFixture,
  CA,
  deniedFixture,
  entryFixture,
  FOUNDATION,
  issuedFixture,
  newId,
  WEB,
} from '../../support/facts.ts';
import { openTestLedger } from '../../support/ledger.ts';
import type { TestLedger } from '../../support/ledger.ts';

let opened: TestLedger;
beforeAll(async () => {
  opened = await openTestLedger();
  await record(...FOUNDATION);
});
afterAll(() => opened.close());

const record = async (...facts: readonly Fact[]): Promise<void> => {
  expect(await opened.ledger.append({ facts })).toMatchObject({ status: 'committed' });
};

const created = (entry: Entry): Fact => ({ kind: 'entry-created', entry, by: 'test', leans: { policy: 1 } });
const id = (path: string): SpiffeId => `spiffe://example.org/${path}` as SpiffeId;

describe('entries', () => {
  const NODE = id('mayfly/agent/x509pop/node');
  const at = (name: string, path: string, selectors: string[], options: Partial<Entry> = {}): Entry =>
    entryFixture({ id: name, spiffeId: id(path), parentId: NODE, selectors, ...options });

  beforeAll(() =>
    record(
      created(at('m-1', 'pay/a', ['k8s:ns:pay'])),
      created(at('m-2', 'pay/b', ['k8s:ns:pay', 'k8s:sa:b'], { owner: 'team', commonName: 'b' })),
      created(at('m-3', 'pay-b', ['k8s:ns:pay', 'k8s:sa:c'])),
      created(at('m-4', 'pay.c', ['unix:uid:0'])),
      created(at('m-5', 'pay', ['unix:uid:1'])),
    ),
  );

  const ids = (entries: readonly Entry[]): string[] => entries.map((entry) => entry.id).sort();
  const matching = (...selectors: string[]): string[] => ids(opened.views.entries.matching(NODE, selectors));

  test('an entry matches when all its selectors are held', () => {
    expect(matching('k8s:ns:pay')).toEqual(['m-1']);
    expect(matching('k8s:sa:b')).toEqual([]);
    expect(matching('k8s:ns:pay', 'k8s:sa:b', 'unix:uid:7')).toEqual(['m-1', 'm-2']);
    expect(matching('k8s:ns:pay', 'k8s:sa:b', 'k8s:sa:c', 'k8s:sa:c')).toEqual(['m-1', 'm-2', 'm-3']);
    expect(matching()).toEqual([]);
    expect(opened.views.entries.matching(WEB, ['k8s:ns:pay'])).toEqual([]);
  });

  test.each([
    [{ spiffeId: id('pay/a') }, ['m-1']],
    [{ selector: 'k8s:ns:pay' }, ['m-1', 'm-2', 'm-3']],
    [{ owner: 'team' }, ['m-2']],
    [{ prefix: id('pay') }, ['m-1', 'm-2', 'm-5']],
    [{ prefix: id('pay'), selector: 'k8s:sa:b', parentId: NODE, owner: 'team' }, ['m-2']],
    [{ parentId: NODE }, ['m-1', 'm-2', 'm-3', 'm-4', 'm-5']],
    [{ parentId: WEB }, []],
    [{ prefix: id('p') }, []],
  ])('listing and counting by %p', (filter, expected) => {
    expect(ids(opened.views.entries.list(filter, { limit: 100 }))).toEqual(expected);
    expect(opened.views.entries.count(filter)).toBe(expected.length);
  });

  test('pages go on after the last id', () => {
    const first = opened.views.entries.list({ parentId: NODE }, { limit: 2 });
    const second = opened.views.entries.list({ parentId: NODE }, { limit: 2, after: 'm-2' });
    expect([ids(first), ids(second)]).toEqual([
      ['m-1', 'm-2'],
      ['m-3', 'm-4'],
    ]);
  });

  test('an update moves selectors and names, a deletion leaves only the id used', async () => {
    const { entries } = opened.views;
    await record({
      kind: 'entry-updated',
      entry: at('m-2', 'pay/b', ['k8s:sa:z'], { revision: 2 }),
      by: 'test',
      leans: { policy: 1, entry: { id: 'm-2', revision: 1 } },
    });
    expect(matching('k8s:sa:z')).toEqual(['m-2']);
    expect(entries.count({ selector: 'k8s:sa:b' })).toBe(0);
    expect(entries.commonNameOwner('b')).toBeUndefined();
    await record({ kind: 'entry-deleted', id: 'm-2', spiffeId: id('pay/b'), by: 'test', leans: { policy: 1 } });
    expect(entries.get('m-2')).toBeUndefined();
    expect([entries.used('m-2'), entries.used('m-9')]).toEqual([true, false]);
    expect(matching('k8s:sa:z')).toEqual([]);
  });

  // P9
  test('entries that share a selector are filed under the ones that they do not share', async () => {
    const crowd = Array.from({ length: 300 }, (_, n) =>
      created(
        entryFixture({ id: `c-${n}`, spiffeId: id(`crowd/${n}`), parentId: WEB, selectors: ['all', `own:${n}`] }),
      ),
    );
    await record(...crowd);
    expect(ids(opened.views.entries.matching(WEB, ['all', 'own:7']))).toEqual(['c-7']);
  });
});

describe('credentials', () => {
  test('are listed newest first, by every filter', async () => {
    const { credentials } = opened.views;
    const [one, two, three] = [
      issuedFixture({ spiffeId: id('list/a'), notAfter: 100 }),
      issuedFixture({ spiffeId: id('list/b'), agent: id('mayfly/agent/x/y'), leans: { policy: 1 } }),
      issuedFixture({ spiffeId: id('list-c'), entry: 'm-1', leans: { policy: 1 } }),
    ];
    await record(one, two, three);
    const found = (filter: Parameters<typeof credentials.list>[0]) =>
      credentials.list(filter, { limit: 10 }).map((row) => row.id);
    expect(found({})).toEqual([three.id, two.id, one.id]);
    expect(found({ prefix: id('list') })).toEqual([two.id, one.id]);
    expect(found({ spiffeId: id('list/a') })).toEqual([one.id]);
    expect(found({ agent: id('mayfly/agent/x/y') })).toEqual([two.id]);
    expect(found({ entry: 'm-1' })).toEqual([three.id]);
    expect(found({ liveAt: 100 })).toEqual([three.id, two.id]);
    expect(found({ spiffeId: id('nobody') })).toEqual([]);
    expect(credentials.count({ prefix: id('list'), liveAt: 100 })).toBe(1);
    expect(credentials.list({}, { limit: 10, after: two.id }).map((row) => row.id)).toEqual([one.id]);
    await record({ kind: 'superseded', predecessor: one.id, successor: two.id });
    expect(credentials.get(one.id)?.superseded).toBe(true);
    expect(credentials.get(newId())).toBeUndefined();
  });
});

describe('attestations and join tokens', () => {
  test('the newest attestation of an agent counts', async () => {
    const attested = (selectors: string[]): Fact => ({
      kind: 'attested',
      id: newId(),
      attestor: 'x509pop',
      role: 'agent',
      spiffeId: AGENT,
      selectors,
      evidence: 'ab',
      spki: 'cd',
      nodeKey: 'AAAA',
      renewUntil: 5,
      leans: { policy: 1 },
      spends: [],
    });
    await record(attested(['a:1']), attested(['a:2']));
    expect(opened.views.attestations.newest(AGENT)).toMatchObject({
      selectors: ['a:2'],
      nodeKey: 'AAAA',
      renewUntil: 5,
    });
    expect(opened.views.attestations.agents({ limit: 5 }).map((row) => row.selectors)).toEqual([['a:2']]);
    expect(opened.views.attestations.agents({ limit: 5, after: AGENT })).toEqual([]);
    expect(opened.views.attestations.newest(WEB)).toBeUndefined();
  });

  test('a join token is found by its hash', async () => {
    const token: Fact = {
      kind: 'join-token-created',
      id: newId(),
      hash: 'ab',
      purpose: { agent: null },
      expiresAt: 9,
      by: 't',
    };
    await record(token);
    const row = { id: token.id, purpose: { agent: null }, expiresAt: 9, voided: false };
    expect(opened.views.joinTokens.byHash('ab')).toEqual(row);
    expect(opened.views.joinTokens.byHash('cd')).toBeUndefined();
  });
});

describe('resources', () => {
  const resource = (identifier: string, names: string[], revision = 1): Resource => ({
    identifier,
    names,
    owners: [],
    scopes: [],
    bindings: ['mtls'],
    algorithm: 'ES256',
    claims: {},
    revision,
  });

  test('are found by identifier and by logical name, and a name belongs to one', async () => {
    const { resources } = opened.views;
    const write = (one: Resource, kind: 'resource-created' | 'resource-updated' = 'resource-created'): Fact => ({
      kind,
      resource: one,
      by: 'test',
      leans: { policy: 1 },
    });
    await record(write(resource('https://a', ['a', 'alpha'])));
    expect(resources.named('alpha')?.identifier).toBe('https://a');
    expect(resources.named('https://a')?.identifier).toBe('https://a');
    const taken = await opened.ledger.append({ facts: [write(resource('https://b', ['alpha']))] });
    expect(taken).toMatchObject({ status: 'refused', code: 'conflict' });
    await record(write(resource('https://a', ['a'], 2), 'resource-updated'));
    expect(resources.named('alpha')).toBeUndefined();
    await record({ kind: 'resource-deleted', identifier: 'https://a', by: 'test', leans: { policy: 1 } });
    expect(resources.list()).toEqual([]);
    expect(resources.named('a')).toBeUndefined();
    expect(resources.get('https://a')).toBeUndefined();
    expect([resources.lastRevision('https://a'), resources.lastRevision('https://b')]).toEqual([2, 0]);
    const stale = await opened.ledger.append({ facts: [write(resource('https://a', []))] });
    expect(stale).toMatchObject({ status: 'refused', code: 'precondition_failed' });
    await record(write(resource('https://a', ['a'], 3)));
    expect(resources.named('a')?.revision).toBe(3);
  });
});

describe('a follower', () => {
  test('is as new as the ledger when it was asked to be', async () => {
    const other = opened.open.connect();
    const follower = new Follower(other.views);
    const heard: string[] = [];
    const stop = follower.on('revocations', (changes) => heard.push(...changes.map(({ kind }) => kind)));
    const revocation = newId();
    const target = { kind: 'identity', value: id('followed') } as const;
    const subject = { spiffeId: id('followed') };
    await record({ kind: 'revoked', id: revocation, target, predicates: ['cutoff', 'block'], reason: 'x', by: 'y' });
    expect(follower.revocations.barring(subject)).toBeUndefined();
    follower.refresh();
    expect(follower.revocations.barring(subject)?.id).toBe(revocation);
    await record({ kind: 'revocation-released', id: revocation, by: 'y' });
    follower.refresh();
    expect(follower.revocations.barring(subject)).toBeUndefined();
    // A cutoff is final (DEC-6).
    expect(follower.revocations.killing(subject, 0)?.id).toBe(revocation);
    expect(new Follower(other.views).revocations.killing(subject, 0)?.id).toBe(revocation);
    expect(heard).toEqual(['revoked', 'revocation-released']);
    stop();
    other.close();
  });

  test('sees one active authority of a purpose, and the bundle sequence move', async () => {
    const follower = new Follower(opened.views);
    const spare = 'ca-2' as KeyId;
    const before = follower.bundleSequence();
    expect(follower.authorities('x509-issuing').map((one) => [one.id, one.state])).toEqual([[CA, 'active']]);
    await record(
      { kind: 'authority-prepared', authority: authorityFixture({ id: spare, generation: 2 }), by: 'test' },
      { kind: 'authority-activated', id: spare, purpose: 'x509-issuing', replaces: CA, by: 'test' },
    );
    expect(follower.authority(CA)?.state).toBe('active');
    follower.refresh();
    expect(follower.authorities('x509-issuing').map((one) => [one.id, one.state])).toEqual([
      [CA, 'old'],
      [spare, 'active'],
    ]);
    expect(follower.bundleSequence()).toBeGreaterThan(before);
    expect(follower.authority(spare)?.key).toEqual({ kind: 'sealed', blob: 'c2VhbGVk' });
  });

  test('denials and issuances are no changes', async () => {
    const newest = opened.views.changes.newest();
    await record(deniedFixture());
    expect(opened.views.changes.newest()).toBe(newest);
    expect(opened.views.changes.after(newest, 10)).toEqual([]);
  });
});
