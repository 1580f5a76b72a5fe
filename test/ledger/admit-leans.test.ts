import type { Fact, Leans, Spend } from '../../src/domain/fact.ts';
import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import type { Resource } from '../../src/domain/resource.ts';
import { attested, ready, refusal, revoked } from '../support/admission.ts';
import { AGENT, CA, entryFixture, issuedFixture, newId, WEB } from '../support/facts.ts';

const POLICY = { policy: 1 };
const API = 'https://api.example.org';

const resource = (kind: 'resource-created' | 'resource-updated', revision: number): Fact => {
  const written: Resource = {
    identifier: API,
    names: [],
    owners: [],
    scopes: [],
    bindings: ['mtls'],
    algorithm: 'ES256',
    claims: {},
    revision,
  };
  return { kind, resource: written, by: 'test', leans: POLICY };
};
const deleted: Fact = { kind: 'resource-deleted', identifier: API, by: 'test', leans: POLICY };
const leaningOn = (leans: Partial<Leans>): Fact => issuedFixture({ leans: { ...POLICY, ...leans } });
const onRevision = (revision: number): Fact => leaningOn({ resource: { identifier: API, revision } });

// DEC-4
describe('a resource that a decision leans on', () => {
  test('stands at the revision that was read', () => {
    const batch = ready(resource('resource-created', 1));
    expect(batch.one(onRevision(1)).status).toBe('admitted');
    expect(batch.one(onRevision(2))).toMatchObject({ status: 'changed', what: 'resource' });
    batch.one(resource('resource-updated', 2));
    expect(batch.one(onRevision(1))).toMatchObject({ status: 'changed', what: 'resource' });
    expect(batch.one(onRevision(2)).status).toBe('admitted');
  });

  test('is not found again in a later one of its identifier, also within a batch', () => {
    const batch = ready(resource('resource-created', 1), deleted);
    expect(batch.one(onRevision(1))).toMatchObject({ status: 'changed' });
    expect(refusal(batch.one(resource('resource-created', 1)))).toBe('precondition_failed');
    expect(refusal(batch.one(resource('resource-created', 3)))).toBe('precondition_failed');
    expect(batch.one(resource('resource-created', 2)).status).toBe('admitted');
    expect(batch.one(onRevision(1))).toMatchObject({ status: 'changed' });
    expect(batch.one(onRevision(2)).status).toBe('admitted');
  });
});

test('an agent group stands as it was read', () => {
  const group = entryFixture({ id: 'group', spiffeId: 'spiffe://example.org/group' as SpiffeId });
  const inGroup = (): Fact => leaningOn({ group: { id: 'group', revision: 1 } });
  expect(ready().one(inGroup())).toMatchObject({ status: 'changed', what: 'entry' });
  const created: Fact = { kind: 'entry-created', entry: group, by: 'test', leans: POLICY };
  const batch = ready(created);
  expect(batch.one(inGroup()).status).toBe('admitted');
  batch.one({ kind: 'entry-deleted', id: 'group', spiffeId: group.spiffeId, by: 'test', leans: POLICY });
  expect(batch.one(inGroup())).toMatchObject({ status: 'changed', what: 'entry' });
});

describe('what an operator wrote', () => {
  const update = (leans: Leans): Fact => ({
    kind: 'entry-updated',
    entry: entryFixture({ revision: 2 }),
    by: 'test',
    leans,
  });

  test('is refused, and not decided again, when what it saw has changed', () => {
    const batch = ready();
    expect(batch.one(update({ ...POLICY, entry: { id: 'entry-1', revision: 7 } }))).toMatchObject({
      status: 'refused',
      code: 'precondition_failed',
      reason: 'the entry was changed by someone else',
    });
    expect(batch.one(update({ ...POLICY, entry: { id: 'entry-1', revision: 1 } })).status).toBe('admitted');
  });

  test('is refused when the credential that it came with is not on record, or dead', () => {
    const caller = issuedFixture();
    expect(refusal(ready().one(update({ ...POLICY, caller: caller.id })))).toBe('unauthenticated');
    const batch = ready(caller, revoked({ kind: 'credential', value: caller.id }, ['cutoff']));
    expect(refusal(batch.one(update({ ...POLICY, caller: caller.id })))).toBe('revoked');
  });
});

// DEC-12
describe('what is used once', () => {
  const spend = (kind: Spend['kind'], spki?: string): Spend => ({
    kind,
    key: 'aa',
    until: 2_000_000_000,
    ...(spki !== undefined && { spki }),
  });
  const using = (...spends: Spend[]): Fact => attested({ spends });

  test.each<[Spend['kind'], string]>([
    ['join-token', 'attestation_refused'],
    ['evidence', 'attestation_refused'],
    ['challenge', 'attestation_refused'],
    ['assertion', 'invalid_client'],
  ])('%s, by another key: %s; by the same: again', (kind, code) => {
    const batch = ready(using(spend(kind, 'k1')));
    expect(refusal(batch.one(using(spend(kind, 'k2'))))).toBe(code);
    expect(batch.one(using(spend(kind, 'k1'))).status).toBe('admitted');
  });

  test.each<Spend['kind']>(['challenge', 'assertion'])('%s without a key is spent for all', (kind) => {
    const batch = ready(using(spend(kind)));
    expect(batch.one(using(spend(kind))).status).toBe('refused');
    expect(batch.one(using(spend(kind, 'k1'))).status).toBe('refused');
  });

  test('kinds do not get in each other’s way', () => {
    const batch = ready(using(spend('join-token', 'k1')));
    expect(batch.one(using(spend('evidence', 'k2'))).status).toBe('admitted');
  });

  test('another key on a renewal is a clone, and stops the renewals of its identity', () => {
    const before = issuedFixture();
    const renewal = (spki: string): Fact => issuedFixture({ predecessor: before.id, spends: [spend('renewal', spki)] });
    const batch = ready(before, renewal('k1'));
    const verdict = batch.one(renewal('k2'));
    expect(refusal(verdict)).toBe('renewal_refused');
    const lock = { kind: 'revoked', target: { kind: 'identity', value: WEB }, predicates: ['lock'] };
    expect(verdict.facts).toMatchObject([lock]);
    // From here on for the first key too.
    expect(refusal(batch.one(renewal('k1')))).toBe('renewal_refused');
  });

  // DEC-6
  test('the same key may not come again after a cutoff', () => {
    const batch = ready(using(spend('join-token', 'k1')), revoked({ kind: 'identity', value: AGENT }, ['cutoff']));
    expect(refusal(batch.one(using(spend('join-token', 'k1'))))).toBe('revoked');
  });

  test('a fact that is refused spends nothing', () => {
    const batch = ready();
    const bad = attested({ spends: [spend('join-token', 'k1')], leans: { ...POLICY, caller: newId() } });
    expect(batch.one(bad).status).toBe('refused');
    expect(batch.one(using(spend('join-token', 'k2'))).status).toBe('admitted');
  });
});

describe('a renewal', () => {
  test('goes on from a credential that is on record, alive and not yet replaced', () => {
    const before = issuedFixture();
    const renewal = (): Fact => issuedFixture({ predecessor: before.id });
    expect(refusal(ready().one(renewal()))).toBe('renewal_refused');
    expect(ready(before).one(renewal()).status).toBe('admitted');
    const successor = issuedFixture();
    const shown: Fact = { kind: 'superseded', predecessor: before.id, successor: successor.id };
    expect(refusal(ready(before, successor, shown).one(renewal()))).toBe('renewal_refused');
    expect(refusal(ready(before, revoked({ kind: 'identity', value: WEB }, ['lock'])).one(renewal()))).toBe(
      'renewal_refused',
    );
    expect(refusal(ready(before, revoked({ kind: 'identity', value: WEB }, ['cutoff'])).one(renewal()))).toBe(
      'revoked',
    );
  });
});

test('the key that signs is the active one', () => {
  expect(ready().one(leaningOn({ authority: CA })).status).toBe('admitted');
  const batch = ready({ kind: 'authority-revoked', id: CA, purpose: 'x509-issuing', by: 'test' });
  expect(batch.one(leaningOn({ authority: CA }))).toMatchObject({ status: 'changed', what: 'authority' });
});
