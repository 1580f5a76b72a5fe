import type { KeyId } from '../../src/domain/authority.ts';
import { createEntry } from '../../src/usecases/create-entry.ts';
import { deleteEntry } from '../../src/usecases/delete-entry.ts';
import { explain } from '../../src/usecases/explain.ts';
import { readChanges } from '../../src/usecases/read-changes.ts';
import { revoke } from '../../src/usecases/revoke.ts';
import { updateEntry } from '../../src/usecases/update-entry.ts';
import {
  entryDraft,
  id,
  openAdministration,
  registrar,
  ROOT,
  type TestAdministration,
} from '../support/administration.ts';
import { codeOf } from '../support/refusals.ts';

let admin: TestAdministration;
beforeEach(async () => {
  admin = await openAdministration();
});
afterEach(() => admin.close());

const AGENT = id('/mayfly/agent/x509pop/node-1');

describe('an issued credential', () => {
  test('is explained by everything that it leaned on, then and now', async () => {
    // P7, DEC-4
    const entry = await createEntry(admin, ROOT, entryDraft());
    const caller = await admin.issue({ spiffeId: AGENT, role: 'agent' });
    const issued = await admin.issue({
      entry: entry.id,
      agent: AGENT,
      leans: { caller: caller.id, agent: AGENT, entry: { id: entry.id, revision: 1 }, evidence: 'ab', policy: 1 },
    });
    await updateEntry(admin, ROOT, { id: entry.id, draft: entryDraft({ hint: 'x' }) });
    const explanation = explain(admin, ROOT, issued.id);
    expect(explanation).toMatchObject({ kind: 'issued', erased: false, status: { state: 'valid' } });
    expect(explanation.leansOn).toEqual([
      { what: 'caller', id: caller.id, now: `valid, ${AGENT}` },
      { what: 'agent', id: AGENT, now: 'welcome' },
      { what: 'entry', id: entry.id, revision: 1, now: 'revision 2 now' },
      { what: 'evidence', id: 'ab', now: 'only its SHA-256 is kept' },
      { what: 'policy', id: '1', now: 'the rules in force' },
    ]);
    expect(explanation.summary).toContain(`x509-svid for ${id('/web')}`);
  });

  test('is found in the ledger', async () => {
    const issued = await admin.issue();
    const { place } = explain(admin, ROOT, issued.id);
    const index = admin.views.log.find(issued.id) ?? -1;
    expect(place).toMatchObject({
      index,
      leafHash: admin.views.log.at(index)?.leafHash,
      size: admin.size(),
      time: new Date(admin.clock.now()).toISOString(),
    });
  });

  test('says what killed it, and that it ended', async () => {
    const issued = await admin.issue({ leans: { entry: { id: 'gone', revision: 1 }, policy: 1 } });
    expect(await codeOf(() => explain(admin, ROOT, issued.id))).toBe('not_found');
    const held = await admin.issue();
    admin.clock.advance(3_601_000);
    expect(explain(admin, ROOT, held.id).status).toEqual({ state: 'expired' });
    const target = { kind: 'identity', value: id('/web') } as const;
    const { revocation } = await revoke(admin, ROOT, { target, mode: 'revoke', reason: 'key_compromise' });
    const { status, summary } = explain(admin, ROOT, held.id);
    expect(status).toMatchObject({ state: 'revoked', revocation: { id: revocation.id } });
    expect(summary).toContain(`revoked by ${revocation.id} (key_compromise)`);
  });

  test('is still explained after its details were erased', async () => {
    const issued = await admin.issue();
    const { log } = admin.views;
    const erased: typeof log = {
      rootAt: () => '',
      reopenedAt: () => undefined,
      head: () => log.head(),
      find: (recordId) => log.find(recordId),
      at: (index) => {
        const recorded = log.at(index);
        if (!recorded) return undefined;
        const { fact: _fact, ...rest } = recorded;
        return rest;
      },
    };
    const explanation = explain({ ...admin, views: { ...admin.views, log: erased } }, ROOT, issued.id);
    expect(explanation).toMatchObject({ erased: true, status: { state: 'valid' }, clear: { id: issued.id } });
    expect(explanation.summary).toContain('erased');
    expect(explanation.fact).toBeUndefined();
  });
});

describe('a denial', () => {
  test('names the nearest entries and the selectors that were missing', async () => {
    const near = await createEntry(
      admin,
      ROOT,
      entryDraft({ selectors: ['unix:uid:1', 'unix:gid:2', 'unix:path:/a'] }),
    );
    const far = await createEntry(
      admin,
      ROOT,
      entryDraft({ spiffeId: id('/far'), selectors: ['unix:uid:1', 'a:b', 'c:d'] }),
    );
    await createEntry(admin, ROOT, entryDraft({ spiffeId: id('/other'), selectors: ['unix:uid:9'] }));
    const denial = await admin.deny({ selectors: ['unix:uid:1', 'unix:gid:2'] });
    expect(explain(admin, ROOT, denial.id).nearest).toEqual([
      {
        id: near.id,
        spiffeId: id('/web'),
        matching: ['unix:gid:2', 'unix:uid:1'],
        missing: ['unix:path:/a'],
        obstacles: ['missing selectors: unix:path:/a'],
      },
      {
        id: far.id,
        spiffeId: id('/far'),
        matching: ['unix:uid:1'],
        missing: ['a:b', 'c:d'],
        obstacles: ['missing selectors: a:b, c:d'],
      },
    ]);
  });

  test('says wrong parent, expired and blocked', async () => {
    const expiresAt = Math.floor(admin.clock.now() / 1000);
    const entry = await createEntry(admin, ROOT, entryDraft({ parentId: id('/nodes'), expiresAt }));
    const target = { kind: 'entry', value: entry.id } as const;
    const { revocation } = await revoke(admin, ROOT, { target, mode: 'hold' });
    const denial = await admin.deny({ selectors: ['unix:uid:1000'], spiffeId: id('/web'), entry: entry.id });
    const { nearest, revocations } = explain(admin, ROOT, denial.id);
    expect(nearest?.[0]?.obstacles).toEqual([
      `wrong parent: the entry is under ${id('/nodes')}`,
      'the entry has expired',
      `blocked by revocation ${revocation.id} (entry ${entry.id})`,
    ]);
    expect(revocations?.map((one) => one.id)).toEqual([revocation.id]);
  });

  test('of a join token asks for no selectors, and for no entry but the one it names', async () => {
    // DEC-16
    const entry = await createEntry(admin, ROOT, entryDraft());
    const other = await createEntry(admin, ROOT, entryDraft({ selectors: ['demo:other'] }));
    const spent = { attestor: 'join_token', selectors: ['join_token:1'], spiffeId: id('/web'), entry: entry.id };
    const denial = await admin.deny({ ...spent, reason: 'join-token was used before' });
    expect(explain(admin, ROOT, denial.id).nearest).toEqual([]);
    const target = { kind: 'entry', value: entry.id } as const;
    const { revocation } = await revoke(admin, ROOT, { target, mode: 'hold' });
    const { nearest } = explain(admin, ROOT, denial.id);
    expect(nearest?.map((near) => near.id)).not.toContain(other.id);
    expect(nearest).toMatchObject([
      { id: entry.id, missing: [], obstacles: [`blocked by revocation ${revocation.id} (entry ${entry.id})`] },
    ]);
  });

  test('an agent group is a right parent for the agents in it', async () => {
    // DEC-27
    const agent = await admin.attest();
    await createEntry(admin, ROOT, entryDraft({ spiffeId: id('/nodes'), selectors: agent.selectors }));
    await createEntry(admin, ROOT, entryDraft({ parentId: id('/nodes') }));
    const denial = await admin.deny({ selectors: ['unix:uid:1000'], agent: AGENT });
    expect(explain(admin, ROOT, denial.id).nearest?.[0]).toMatchObject({ spiffeId: id('/web'), obstacles: [] });
  });

  test('names the revocation in its reason, and only what the administrator may see', async () => {
    const target = { kind: 'identity', value: id('/team/a') } as const;
    const { revocation } = await revoke(admin, ROOT, { target, mode: 'revoke' });
    await createEntry(admin, ROOT, entryDraft({ spiffeId: id('/web') }));
    const mine = await createEntry(admin, ROOT, entryDraft({ spiffeId: id('/team/b') }));
    const denial = await admin.deny({
      code: 'revoked',
      reason: `nothing is issued for it: ${revocation.id}`,
      spiffeId: id('/team/a'),
      selectors: ['unix:uid:1000'],
    });
    const seen = explain(admin, registrar('/team'), denial.id);
    expect(seen.revocations?.map((one) => one.id)).toEqual([revocation.id]);
    expect(seen.nearest?.map((one) => one.id)).toEqual([mine.id]);
    // DEC-28
    expect(await codeOf(() => explain(admin, registrar('/other'), denial.id))).toBe('forbidden');
    const nameless = await admin.deny();
    expect(await codeOf(() => explain(admin, registrar('/team'), nameless.id))).toBe('forbidden');
  });
});

describe('other decisions', () => {
  test('denials that were counted together', async () => {
    const counted = {
      kind: 'denials-aggregated',
      id: admin.newId(),
      operation: 'POST /v1/attest',
      reason: 'no entry matches',
      count: 812,
      first: admin.clock.now(),
      last: admin.clock.now(),
      source: '192.0.2.1',
    } as const;
    await admin.ledger.append({ facts: [counted] });
    // DEC-5
    expect(explain(admin, ROOT, counted.id).summary).toContain('refused 812 times for 192.0.2.1');
  });

  test('attestations and revocations', async () => {
    const attested = await admin.attest();
    expect(explain(admin, ROOT, attested.id)).toMatchObject({ kind: 'attested', leansOn: [{ what: 'policy' }] });
    const target = { kind: 'agent', value: AGENT } as const;
    const { revocation } = await revoke(admin, ROOT, { target, mode: 'reissue' });
    expect(explain(admin, ROOT, revocation.id).summary).toBe(`uid:0 revoked agent ${AGENT} (cutoff): unspecified`);
  });

  test('what is not on record', async () => {
    expect(await codeOf(() => explain(admin, ROOT, admin.newId()))).toBe('not_found');
  });

  test('an authority that is gone', async () => {
    const issued = await admin.issue({ authority: 'nobody' as KeyId });
    expect(explain(admin, ROOT, issued.id).status?.state).toBe('valid');
  });
});

describe('the change feed', () => {
  test('goes on after a cursor', async () => {
    const { id: entryId } = await createEntry(admin, ROOT, entryDraft());
    const first = readChanges(admin, undefined, 10);
    expect(first.changes.map(({ kind, subject }) => [kind, subject])).toEqual([['entry-created', entryId]]);
    await admin.issue();
    await deleteEntry(admin, ROOT, entryId);
    const second = readChanges(admin, first.cursor, 10);
    expect(second.changes.map(({ kind }) => kind)).toEqual(['entry-deleted']);
    expect(readChanges(admin, second.cursor, 10)).toEqual({ changes: [], cursor: second.cursor });
  });

  test('a cursor of another epoch means nothing here', async () => {
    expect(await codeOf(() => readChanges(admin, { epoch: 99, index: 0 }, 10))).toBe('conflict');
  });
});
