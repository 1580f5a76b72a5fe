import type { KeyId } from '../../src/domain/authority.ts';
import type { Attested, Fact, Spend } from '../../src/domain/fact.ts';
import type { Predicate, RevocationTarget } from '../../src/domain/revocation.ts';
import { RevocationIndex } from '../../src/domain/revocation.ts';
import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import type { AdmissionReader } from '../../src/ledger/admission-reader.ts';
import { Admission } from '../../src/ledger/admit.ts';
import type { Verdict } from '../../src/ledger/admit.ts';
import type { Append } from '../../src/ports/ledger.ts';
import {
  AGENT,
  authorityFixture,
  CA,
  deniedFixture,
  entryFixture,
  FOUNDATION,
  issuedFixture,
  newId,
  START,
  WEB,
} from '../support/facts.ts';
import { testEntropy } from '../support/ledger.ts';

/** A store that holds nothing: what a test needs is admitted first. */
const emptyStore = (): AdmissionReader => ({
  credential: () => undefined,
  credentialUsed: () => false,
  decided: () => false,
  entry: () => undefined,
  entryUsed: () => false,
  commonNameOwner: () => undefined,
  resource: () => undefined,
  resourceNamed: () => undefined,
  joinToken: () => undefined,
  joinTokenHashUsed: () => false,
  spent: () => undefined,
  authority: () => undefined,
  activeAuthority: () => undefined,
  generationUsed: () => false,
  revocations: new RevocationIndex(),
});

/** Admits one group after the other, as a batch. */
class Batch {
  readonly #admission = new Admission(emptyStore());
  #index = 0;

  constructor(...facts: readonly Fact[]) {
    if (facts.length > 0) expect(this.ask({ facts }).status).toBe('admitted');
  }

  ask(append: Append): Verdict {
    const verdict = this.#admission.consider(append, { index: this.#index, time: START }, testEntropy);
    this.#admission.keep();
    this.#index += verdict.facts.length;
    return verdict;
  }

  one(fact: Fact): Verdict {
    return this.ask({ facts: [fact] });
  }
}

const revoked = (target: RevocationTarget, predicates: readonly Predicate[], id = newId()): Fact => ({
  kind: 'revoked',
  id,
  target,
  predicates,
  reason: 'key_compromise',
  by: 'test',
});

const attested = (options: Partial<Attested> = {}): Attested => ({
  kind: 'attested',
  id: newId(),
  attestor: 'join_token',
  role: 'agent',
  spiffeId: AGENT,
  selectors: [],
  evidence: 'ab',
  spki: 'cd',
  renewUntil: 2_000_000_000,
  leans: { policy: 1 },
  spends: [],
  ...options,
});

const refusal = (verdict: Verdict): string => (verdict.status === 'refused' ? verdict.code : verdict.status);

const ready = (...facts: readonly Fact[]): Batch => new Batch(...FOUNDATION, ...facts);

const caller = issuedFixture({ role: 'agent', spiffeId: AGENT, leans: { policy: 1, authority: CA } });
const leansOn = (leans: object) => issuedFixture({ leans: { policy: 1, ...leans } });

describe('what an issuance leans on', () => {
  test('it is admitted while all of it stands', () => {
    const batch = ready(caller);
    expect(batch.one(leansOn({ caller: caller.id, agent: AGENT, authority: CA })).status).toBe('admitted');
  });

  // DEC-4
  test.each<[string, string, object, Fact[]]>([
    ['an unknown caller', 'unauthenticated', { caller: newId() }, []],
    [
      'a caller that was cut off',
      'revoked',
      { caller: caller.id },
      [revoked({ kind: 'identity', value: AGENT }, ['cutoff'])],
    ],
    [
      'a caller on hold',
      'revoked',
      { caller: caller.id },
      [revoked({ kind: 'credential', value: caller.id }, ['hold'])],
    ],
    ['an agent that is blocked', 'revoked', { agent: AGENT }, [revoked({ kind: 'agent', value: AGENT }, ['block'])]],
    ['an entry of another revision', 'changed', { entry: { id: 'entry-1', revision: 2 } }, []],
    ['an entry that is gone', 'changed', { entry: { id: 'entry-2', revision: 1 } }, []],
    ['a resource that is gone', 'changed', { resource: { identifier: 'https://api', revision: 1 } }, []],
    ['an authority that is not active', 'changed', { authority: 'other' }, []],
    ['a join token that is unknown', 'attestation_refused', { joinToken: newId() }, []],
  ])('refuses %s', (_name, answer, leans, before) => {
    expect(refusal(ready(caller, ...before).one(leansOn(leans)))).toBe(answer);
  });

  test('an update in the same batch counts', () => {
    const batch = ready();
    const update: Fact = {
      kind: 'entry-updated',
      entry: entryFixture({ revision: 2 }),
      by: 'test',
      leans: { policy: 1, entry: { id: 'entry-1', revision: 1 } },
    };
    expect(batch.one(update).status).toBe('admitted');
    expect(batch.one(issuedFixture())).toEqual({ status: 'changed', what: 'entry', facts: [] });
  });
});

describe('revocations', () => {
  // P2, DEC-6
  test.each<[string, RevocationTarget, Predicate]>([
    ['its identity', { kind: 'identity', value: WEB }, 'block'],
    ['a prefix', { kind: 'prefix', value: 'spiffe://example.org' }, 'block'],
    ['its entry', { kind: 'entry', value: 'entry-1' }, 'block'],
    ['its agent', { kind: 'agent', value: AGENT }, 'block'],
    ['its identity, on hold', { kind: 'identity', value: WEB }, 'hold'],
  ])('nothing is issued after a block of %s in the same batch', (_name, target, predicate) => {
    const batch = ready();
    batch.one(revoked(target, [predicate]));
    expect(refusal(batch.one(issuedFixture()))).toBe('revoked');
  });

  test.each<[string, RevocationTarget, Predicate]>([
    ['a cutoff alone', { kind: 'identity', value: WEB }, 'cutoff'],
    ['another identity', { kind: 'identity', value: 'spiffe://example.org/webb' }, 'block'],
    ['a prefix that ends within a segment', { kind: 'prefix', value: 'spiffe://example.org/we' }, 'block'],
  ])('%s does not stop it', (_name, target, predicate) => {
    const batch = ready();
    batch.one(revoked(target, [predicate]));
    expect(batch.one(issuedFixture()).status).toBe('admitted');
  });

  test('a released block stops nothing, and what is not in force cannot be released', () => {
    const batch = ready();
    const blockId = newId();
    batch.one(revoked({ kind: 'identity', value: WEB }, ['block'], blockId));
    const release: Fact = {
      kind: 'revocation-released',
      id: blockId,
      by: 'test',
    };
    expect(batch.one(release).status).toBe('admitted');
    expect(batch.one(issuedFixture()).status).toBe('admitted');
    expect(refusal(batch.one(release))).toBe('not_found');
  });

  test('a group that is refused takes its revocation back', () => {
    const batch = ready();
    const block = revoked({ kind: 'identity', value: WEB }, ['block']);
    expect(refusal(batch.ask({ facts: [block, issuedFixture()] }))).toBe('revoked');
    expect(batch.one(issuedFixture()).status).toBe('admitted');
    expect(batch.one(block).status).toBe('admitted');
  });
});

describe('what is used once', () => {
  const spend = (options: Partial<Spend> = {}): Spend => ({
    kind: 'join-token',
    key: 'aa',
    until: 2_000_000_000,
    ...options,
  });

  // DEC-12
  test.each<[string, Partial<Spend>, Partial<Spend>, string]>([
    ['a nonce', { kind: 'challenge' }, { kind: 'challenge' }, 'attestation_refused'],
    ['a token by another key', { spki: '11' }, { spki: '22' }, 'attestation_refused'],
    ['a token once without a key', { spki: '11' }, {}, 'attestation_refused'],
    ['an assertion', { kind: 'assertion' }, { kind: 'assertion' }, 'invalid_client'],
    ['a token by the same key', { spki: '11' }, { spki: '11' }, 'admitted'],
    ['the same key of another kind', { kind: 'evidence' }, { kind: 'challenge' }, 'admitted'],
  ])('%s: the second time', (_name, first, second, answer) => {
    const batch = ready();
    expect(batch.one(attested({ spends: [spend(first)] })).status).toBe('admitted');
    expect(refusal(batch.one(attested({ spends: [spend(second)] })))).toBe(answer);
  });

  test('a refused group spends nothing', () => {
    const batch = ready();
    const bad = issuedFixture({ leans: { policy: 1, caller: newId() } });
    expect(refusal(batch.ask({ facts: [attested({ spends: [spend()] }), bad] }))).toBe('unauthenticated');
    expect(batch.one(attested({ spends: [spend()] })).status).toBe('admitted');
  });
});

describe('renewal', () => {
  const renewal = (spki: string) =>
    issuedFixture({
      role: 'agent',
      spiffeId: AGENT,
      predecessor: caller.id,
      leans: { policy: 1, caller: caller.id, authority: CA },
      spends: [{ kind: 'renewal', key: caller.id, spki, until: 2_000_000_000 }],
    });

  // DEC-12
  test('another key on the same serial is a clone: the denial and a lock take its place', () => {
    const batch = ready(caller);
    expect(batch.one(renewal('11')).status).toBe('admitted');
    expect(batch.one(renewal('11')).status).toBe('admitted');
    const denial = deniedFixture({ operation: 'renew', code: 'unavailable', reason: 'unknown' });
    const verdict = batch.ask({ facts: [renewal('22')], denial });
    expect(verdict).toMatchObject({ status: 'refused', code: 'renewal_refused' });
    expect(verdict.facts).toMatchObject([
      { kind: 'denied', id: denial.id, code: 'renewal_refused', reason: expect.stringContaining('clone') },
      { kind: 'revoked', target: { kind: 'identity', value: AGENT }, predicates: ['lock'] },
    ]);
    expect(refusal(batch.one(renewal('11')))).toBe('renewal_refused');
    expect(batch.one(issuedFixture()).status).toBe('admitted');
  });

  test('a superseded predecessor is refused', () => {
    const successor = renewal('11');
    const batch = ready(caller, successor, { kind: 'superseded', predecessor: caller.id, successor: successor.id });
    expect(refusal(batch.one(renewal('11')))).toBe('renewal_refused');
  });

  test('an unknown predecessor is refused', () => {
    expect(refusal(ready(caller).one({ ...renewal('11'), predecessor: newId() }))).toBe('renewal_refused');
  });
});

describe('ids', () => {
  const id = newId();
  const token: Fact = {
    kind: 'join-token-created',
    id,
    hash: 'aa',
    purpose: { agent: null },
    expiresAt: 1,
    by: 'test',
  };
  const created = (options: Parameters<typeof entryFixture>[0]): Fact => ({
    kind: 'entry-created',
    entry: entryFixture(options),
    by: 'test',
    leans: { policy: 1 },
  });
  const deleted: Fact = { kind: 'entry-deleted', id: 'entry-1', spiffeId: WEB, by: 'test', leans: { policy: 1 } };

  // P3
  test.each<[string, Fact[], Fact]>([
    ['a serial', [issuedFixture({ id })], issuedFixture({ id })],
    ['an attestation', [attested({ id })], attested({ id })],
    ['a denial', [deniedFixture({ id })], deniedFixture({ id })],
    ['an attestation of a denial', [deniedFixture({ id })], attested({ id })],
    [
      'a revocation',
      [revoked({ kind: 'entry', value: 'x' }, ['block'], id)],
      revoked({ kind: 'entry', value: 'y' }, ['block'], id),
    ],
    ['a join token', [token], { ...token, id: newId() }],
    ['an entry', [], created({})],
    ['an entry that is deleted', [deleted], created({})],
    ['an authority', [], { kind: 'authority-prepared', authority: authorityFixture(), by: 'test' }],
    [
      'the common name of another SPIFFE ID',
      [created({ id: 'entry-2', commonName: 'web' })],
      created({ id: 'entry-3', commonName: 'web', spiffeId: 'spiffe://example.org/db' as SpiffeId }),
    ],
  ])('%s is not used twice', (_name, before, again) => {
    expect(refusal(ready(...before).one(again))).toBe('conflict');
  });

  test('a denial whose id is on record is a bug, and nothing of the group stays', () => {
    const batch = ready(deniedFixture({ id }));
    const group = { facts: [issuedFixture({ leans: { policy: 1, caller: newId() } })], denial: deniedFixture({ id }) };
    expect(() => batch.ask(group)).toThrow('already');
  });
});

describe('administration', () => {
  const entryLeans = (revision: number) => ({ policy: 1, entry: { id: 'entry-1', revision } });

  test.each<[string, Fact, string]>([
    [
      'an update of an older revision',
      { kind: 'entry-updated', entry: entryFixture({ revision: 2 }), by: 'test', leans: entryLeans(7) },
      'precondition_failed',
    ],
    [
      'an update that skips a revision',
      { kind: 'entry-updated', entry: entryFixture({ revision: 3 }), by: 'test', leans: entryLeans(1) },
      'precondition_failed',
    ],
    [
      'an update of nothing',
      { kind: 'entry-updated', entry: entryFixture({ id: 'none', revision: 2 }), by: 'test', leans: { policy: 1 } },
      'not_found',
    ],
    [
      'a deletion of an older revision',
      { kind: 'entry-deleted', id: 'entry-1', spiffeId: WEB, by: 'test', leans: entryLeans(7) },
      'precondition_failed',
    ],
    [
      'a deletion of nothing',
      { kind: 'entry-deleted', id: 'none', spiffeId: WEB, by: 'test', leans: { policy: 1 } },
      'not_found',
    ],
    ['a second epoch', { kind: 'epoch-opened', trustDomain: 'example.org', logId: 'x', epoch: 2 }, 'conflict'],
  ])('refuses %s', (_name, fact, answer) => {
    expect(refusal(ready().one(fact))).toBe(answer);
  });

  const spare = 'ca-2' as KeyId;
  const prepared: Fact = {
    kind: 'authority-prepared',
    authority: authorityFixture({ id: spare, generation: 2 }),
    by: 'test',
  };
  const change = (kind: 'activated' | 'tainted' | 'revoked' | 'gone', id: KeyId, more: object = {}): Fact => ({
    kind: `authority-${kind}`,
    id,
    purpose: 'x509-issuing',
    by: 'test',
    ...more,
  });
  const { certificate: _none, ...bare } = authorityFixture({ id: spare, generation: 2 });
  const waiting: Fact = { kind: 'authority-prepared', authority: bare, by: 'test' };

  // DEC-22
  test.each<[string, Fact[], Fact, string]>([
    ['activating what is active', [], change('activated', CA), 'authority_state'],
    ['activating the unknown', [], change('activated', spare), 'not_found'],
    ['activating a CA that waits for its certificate', [waiting], change('activated', spare), 'authority_state'],
    ['activating beside the active one', [prepared], change('activated', spare), 'changed'],
    ['replacing one that is not active', [prepared], change('activated', spare, { replaces: 'x' }), 'changed'],
    ['another purpose', [prepared], change('activated', spare, { purpose: 'jwt-svid' }), 'authority_state'],
    ['tainting twice', [change('tainted', CA)], change('tainted', CA), 'authority_state'],
    ['revoking twice', [change('revoked', CA)], change('revoked', CA), 'authority_state'],
    ['dropping the active one', [], change('gone', CA), 'authority_state'],
  ])('refuses %s', (_name, before, fact, answer) => {
    expect(refusal(ready(...before).one(fact))).toBe(answer);
  });

  test('after an activation the old key signs nothing', () => {
    const batch = ready(prepared);
    expect(batch.one(change('activated', spare, { replaces: CA })).status).toBe('admitted');
    expect(batch.one(issuedFixture())).toEqual({ status: 'changed', what: 'authority', facts: [] });
    expect(batch.one(change('gone', CA)).status).toBe('admitted');
  });
});
