import type { KeyId } from '../../src/domain/authority.ts';
import type { Fact } from '../../src/domain/fact.ts';
import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import { authorityFixture, CA, deniedFixture, entryFixture, issuedFixture, newId, WEB } from '../support/facts.ts';
import { attested, ready, refusal, revoked } from '../support/admission.ts';

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
  const resealed = (...ids: readonly KeyId[]): Fact => ({
    kind: 'keys-resealed',
    keys: ids.map((id) => ({ id, blob: 'c2VhbGVk' })),
    by: 'test',
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
    ['resealing the unknown', [], resealed(CA, spare), 'not_found'],
    ['resealing what is gone', [prepared, change('gone', spare)], resealed(CA, spare), 'authority_state'],
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
