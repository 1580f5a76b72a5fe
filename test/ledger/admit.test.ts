import type { Fact, Spend } from '../../src/domain/fact.ts';
import type { Predicate, RevocationTarget } from '../../src/domain/revocation.ts';
import { AGENT, CA, deniedFixture, entryFixture, issuedFixture, newId, WEB } from '../support/facts.ts';
import { attested, ready, refusal, revoked } from '../support/admission.ts';

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
    // DEC-13: between the proof of a node key and its record
    [
      'an earlier attestation that was cut off',
      'revoked',
      { provenAt: 0 },
      [revoked({ kind: 'identity', value: WEB }, ['cutoff'])],
    ],
    [
      'an earlier attestation of an identity that is locked',
      'attestation_refused',
      { provenAt: 0 },
      [revoked({ kind: 'identity', value: WEB }, ['lock'])],
    ],
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
