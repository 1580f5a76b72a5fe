import { createEntry } from '../../src/usecases/create-entry.ts';
import { deleteEntry } from '../../src/usecases/delete-entry.ts';
import {
  createResource,
  deleteResource,
  listResources,
  showResource,
  updateResource,
} from '../../src/usecases/manage-resources.ts';
import { readChanges } from '../../src/usecases/read-changes.ts';
import { countEntries, listEntries, showEntry } from '../../src/usecases/read-entries.ts';
import { updateEntry } from '../../src/usecases/update-entry.ts';
import {
  API,
  entryDraft,
  id,
  openAdministration,
  registrar,
  ROOT,
  type TestAdministration,
} from '../support/administration.ts';
import { codeOf, refusalOf } from '../support/refusals.ts';

let admin: TestAdministration;
beforeEach(async () => {
  admin = await openAdministration();
});
afterEach(() => admin.close());

describe('entries', () => {
  test('are created, read, updated and deleted, each as one fact', async () => {
    const before = admin.size();
    const entry = await createEntry(admin, ROOT, entryDraft());
    expect(entry).toMatchObject({ revision: 1, spiffeId: id('/web'), parentId: id('/mayfly/server') });
    expect(showEntry(admin, ROOT, entry.id)).toEqual(entry);

    const draft = entryDraft({ x509Ttl: 600 });
    const updated = await updateEntry(admin, ROOT, { id: entry.id, draft, expected: 1 });
    expect(updated).toMatchObject({ revision: 2, x509Ttl: 600, createdAt: entry.createdAt });

    await deleteEntry(admin, ROOT, entry.id, 2);
    expect(await codeOf(() => showEntry(admin, ROOT, entry.id))).toBe('not_found');
    expect(admin.size()).toBe(before + 3);
    expect(readChanges(admin, undefined, 10).changes.map(({ kind }) => kind)).toEqual([
      'entry-created',
      'entry-updated',
      'entry-deleted',
    ]);
  });

  test('that say the same record nothing', async () => {
    const { id: entryId } = await createEntry(admin, ROOT, entryDraft({ dnsNames: ['a.svc.example.org'] }));
    const before = admin.size();
    const same = await updateEntry(admin, ROOT, {
      id: entryId,
      draft: entryDraft({ dnsNames: ['A.svc.example.org'] }),
    });
    expect([same.revision, admin.size()]).toEqual([1, before]);
  });

  test('an id is never used twice', async () => {
    // P3
    await createEntry(admin, ROOT, entryDraft(), 'web');
    await deleteEntry(admin, ROOT, 'web');
    expect(await codeOf(createEntry(admin, ROOT, entryDraft(), 'web'))).toBe('conflict');
    expect(await codeOf(createEntry(admin, ROOT, entryDraft(), 'a/b'))).toBe('invalid_entry');
  });

  test('another revision than the one seen is refused', async () => {
    const { id: entryId } = await createEntry(admin, ROOT, entryDraft());
    const update = { id: entryId, draft: entryDraft({ hint: 'x' }), expected: 2 };
    expect(await codeOf(updateEntry(admin, ROOT, update))).toBe('precondition_failed');
    expect(await codeOf(deleteEntry(admin, ROOT, entryId, 7))).toBe('precondition_failed');
  });

  test('of two updates at once one is told', async () => {
    // DEC-4
    const { id: entryId } = await createEntry(admin, ROOT, entryDraft());
    const results = await Promise.allSettled(
      ['a', 'b'].map((hint) => updateEntry(admin, ROOT, { id: entryId, draft: entryDraft({ hint }) })),
    );
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'precondition_failed' },
    });
    expect(showEntry(admin, ROOT, entryId).revision).toBe(2);
  });

  test('twins are refused, and so is the common name of another', async () => {
    const twin = await createEntry(admin, ROOT, entryDraft({ commonName: 'cn-1' }));
    const refused = await refusalOf(createEntry(admin, ROOT, entryDraft({ hint: 'other' })));
    expect([refused.code, refused.message.includes(twin.id)]).toEqual(['conflict', true]);
    // DEC-25
    const stranger = entryDraft({ spiffeId: id('/db'), commonName: 'cn-1' });
    expect(await refusalOf(createEntry(admin, ROOT, stranger))).toMatchObject({
      code: 'conflict',
      field: 'commonName',
    });
  });

  test('a refusal names every field', async () => {
    const refused = await refusalOf(
      createEntry(admin, ROOT, entryDraft({ selectors: ['oidc:github:sub:x'], x509Ttl: 1 })),
    );
    // DEC-17
    expect(refused).toMatchObject({ code: 'invalid_entry', field: 'selectors' });
    expect(refused.problems.map(({ field }) => field)).toEqual(['selectors', 'x509Ttl']);
  });
});

describe('what an administrator may write', () => {
  // DEC-28
  const team = registrar('/team');

  test('lies below their prefix, in whole segments', async () => {
    const mine = await createEntry(admin, team, entryDraft({ spiffeId: id('/team/web') }));
    expect(mine.revision).toBe(1);
    expect(await codeOf(createEntry(admin, team, entryDraft({ spiffeId: id('/teams/web') })))).toBe('forbidden');
    const moved = { id: mine.id, draft: entryDraft({ spiffeId: id('/web') }) };
    expect(await codeOf(updateEntry(admin, team, moved))).toBe('forbidden');
    const theirs = await createEntry(admin, ROOT, entryDraft());
    const taken = { id: theirs.id, draft: entryDraft({ spiffeId: id('/team/x') }) };
    expect(await codeOf(updateEntry(admin, team, taken))).toBe('forbidden');
    expect(await codeOf(deleteEntry(admin, team, theirs.id))).toBe('forbidden');
  });

  test('what they may see likewise', async () => {
    await createEntry(admin, ROOT, entryDraft());
    await createEntry(admin, ROOT, entryDraft({ spiffeId: id('/team/web') }));
    expect([countEntries(admin, team, {}), countEntries(admin, ROOT, {})]).toEqual([1, 2]);
    expect(listEntries(admin, team, {}, { limit: 10 }).map(({ spiffeId }) => spiffeId)).toEqual([id('/team/web')]);
    expect(countEntries(admin, team, { prefix: id('/team/web') })).toBe(1);
    expect(() => countEntries(admin, team, { prefix: id('/web') })).toThrow('prefix');
  });

  test('a registrar makes no administrators and no downstream entries', async () => {
    const viewer = { role: 'viewer', prefix: id('/team') };
    const mine = { spiffeId: id('/team/web') };
    expect(await codeOf(createEntry(admin, team, entryDraft({ ...mine, admin: viewer })))).toBe('forbidden');
    expect(await codeOf(createEntry(admin, team, entryDraft({ ...mine, downstream: true })))).toBe('forbidden');
    const held = await createEntry(admin, ROOT, entryDraft({ ...mine, admin: viewer }));
    expect(await codeOf(deleteEntry(admin, team, held.id))).toBe('forbidden');
  });

  test('owners are made over the local socket only', async () => {
    const owner = { role: 'owner', prefix: id('/team') };
    const remote = { ...team, role: 'owner' as const };
    const mine = { spiffeId: id('/team/web') };
    expect(await codeOf(createEntry(admin, remote, entryDraft({ ...mine, admin: owner })))).toBe('forbidden');
    const wide = { role: 'viewer', prefix: id('/other') };
    expect(await codeOf(createEntry(admin, remote, entryDraft({ ...mine, admin: wide })))).toBe('forbidden');
    expect((await createEntry(admin, ROOT, entryDraft({ ...mine, admin: owner }))).admin).toEqual(owner);
  });

  test('rights are given at resources of their own only', async () => {
    await createResource(admin, ROOT, API);
    const draft = entryDraft({ spiffeId: id('/team/web'), audiences: [API.identifier], scopes: ['read'] });
    expect(await codeOf(createEntry(admin, team, draft))).toBe('forbidden');
    await updateResource(admin, ROOT, { ...API, owners: [id('/team/api')] });
    expect((await createEntry(admin, team, draft)).grants).toEqual([{ resource: API.identifier, scopes: ['read'] }]);
  });

  test('a credential that was revoked writes nothing more', async () => {
    // DEC-4
    const credential = (await admin.issue({ spiffeId: id('/admin') })).id;
    const target = { kind: 'credential', value: credential } as const;
    await admin.ledger.append({
      facts: [{ kind: 'revoked', id: admin.newId(), target, predicates: ['cutoff'], reason: 'unspecified', by: 'x' }],
    });
    expect(await codeOf(createEntry(admin, { ...ROOT, credential }, entryDraft()))).toBe('revoked');
  });
});

describe('resources', () => {
  test('are created, found by name, updated and deleted', async () => {
    const created = await createResource(admin, ROOT, API);
    expect([showResource(admin, 'api'), showResource(admin, API.identifier)]).toEqual([created, created]);
    expect((await updateResource(admin, ROOT, API)).revision).toBe(1);
    expect((await updateResource(admin, ROOT, { ...API, names: ['v2'] }, 1)).revision).toBe(2);
    expect(await codeOf(updateResource(admin, ROOT, API, 1))).toBe('precondition_failed');
    await deleteResource(admin, ROOT, API.identifier, 2);
    expect(listResources(admin)).toEqual([]);
  });

  // DEC-4: whoever leans on, or saw, the deleted one must not find it again in the next one.
  test('go on with their revisions when they come again', async () => {
    await createResource(admin, ROOT, API);
    await deleteResource(
      admin,
      ROOT,
      API.identifier,
      (await updateResource(admin, ROOT, { ...API, names: ['v2'] })).revision,
    );
    const again = await createResource(admin, ROOT, API);
    expect(again.revision).toBe(3);
    expect(await codeOf(updateResource(admin, ROOT, { ...API, names: [] }, 1))).toBe('precondition_failed');
    expect(await codeOf(deleteResource(admin, ROOT, API.identifier, 2))).toBe('precondition_failed');
    await deleteResource(admin, ROOT, API.identifier, 3);
    expect([listResources(admin), admin.views.resources.get(API.identifier)]).toEqual([[], undefined]);
    expect(admin.views.resources.lastRevision(API.identifier)).toBe(3);
  });

  test('stay while an entry grants them', async () => {
    // DEC-47
    await createResource(admin, ROOT, API);
    const entry = await createEntry(admin, ROOT, entryDraft({ audiences: [API.identifier], scopes: ['read'] }));
    const refused = await refusalOf(deleteResource(admin, ROOT, API.identifier));
    expect([refused.code, refused.message.includes(entry.id)]).toEqual(['conflict', true]);
    await deleteEntry(admin, ROOT, entry.id);
    await deleteResource(admin, ROOT, API.identifier);
    expect(listResources(admin)).toEqual([]);
  });

  test('are refused twice, unknown, or to an administrator with a prefix', async () => {
    await createResource(admin, ROOT, API);
    expect(await codeOf(createResource(admin, ROOT, API))).toBe('conflict');
    expect(await codeOf(createResource(admin, ROOT, { ...API, identifier: 'urn:two' }))).toBe('invalid_resource');
    expect(await codeOf(updateResource(admin, ROOT, { ...API, identifier: 'urn:no' }))).toBe('not_found');
    expect(await codeOf(deleteResource(admin, ROOT, 'urn:no'))).toBe('not_found');
    expect(await codeOf(createResource(admin, registrar('/team'), API))).toBe('forbidden');
  });
});
