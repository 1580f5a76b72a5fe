import { applyEntries } from '../../src/usecases/apply-entries.ts';
import { createEntry } from '../../src/usecases/create-entry.ts';
import { deleteEntry } from '../../src/usecases/delete-entry.ts';
import { createResource, deleteResource, updateResource } from '../../src/usecases/manage-resources.ts';
import { type ApplyFile, planApply } from '../../src/usecases/plan-apply.ts';
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

/** What an administrator writes leans on the entry that makes them one, as it was read (DEC-4, DEC-28). */

let admin: TestAdministration;
beforeEach(async () => {
  admin = await openAdministration();
});
afterEach(() => admin.close());

const forbidden = expect.objectContaining({ code: 'forbidden' }) as Error;
const role = (name: string) => entryDraft({ admin: { role: name, prefix: id('') } });

test('rights that were taken while the request was on its way write no entry and no resource', async () => {
  const mine = entryDraft({ spiffeId: id('/team/web') });
  const entry = await createEntry(admin, ROOT, role('registrar'));
  const held = { ...registrar(''), rights: { id: entry.id, revision: entry.revision } };
  const made = await createEntry(admin, held, mine);
  await createResource(admin, held, API);
  await updateEntry(admin, ROOT, { id: entry.id, draft: role('viewer') });
  const size = admin.size();
  const attempts = [
    createEntry(admin, held, entryDraft({ spiffeId: id('/other') })),
    updateEntry(admin, held, { id: made.id, draft: { ...mine, hint: 'x' } }),
    deleteEntry(admin, held, made.id),
    createResource(admin, held, { ...API, identifier: 'urn:two', names: [] }),
    updateResource(admin, held, { ...API, names: ['v2'] }),
    deleteResource(admin, held, API.identifier),
  ];
  for (const attempt of await Promise.allSettled(attempts)) {
    expect(attempt).toMatchObject({ status: 'rejected', reason: forbidden });
  }
  expect(admin.size()).toBe(size);
  await deleteEntry(admin, ROOT, entry.id);
  await expect(deleteEntry(admin, held, made.id)).rejects.toThrow(forbidden);
});

test('an administrator may change the very entry that makes them one, and then has to read it again', async () => {
  const entry = await createEntry(admin, ROOT, role('owner'));
  const held = { ...ROOT, name: 'owner', rights: { id: entry.id, revision: 1 } };
  const draft = { ...role('owner'), hint: 'x' };
  expect((await updateEntry(admin, held, { id: entry.id, draft })).revision).toBe(2);
  await expect(updateEntry(admin, held, { id: entry.id, draft: role('owner') })).rejects.toThrow(forbidden);
});

test('in a file they may change it along with others, since their own entry comes last', async () => {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const apply = async (file: ApplyFile, who = ROOT) => {
    const { digest } = await planApply(admin, who, file, turn);
    return applyEntries(admin, who, file, digest, turn);
  };
  const own = { ...role('owner'), spiffeId: id('/a'), id: 'a-own' };
  const other = { ...entryDraft({ spiffeId: id('/b') }), id: 'b-other' };
  await apply({ entries: [own, other] });
  const held = { ...ROOT, name: 'owner', rights: { id: own.id, revision: 1 } };
  const added = entryDraft({ spiffeId: id('/c') });
  await apply({ resources: [API], entries: [{ ...own, hint: 'x' }, { ...other, hint: 'y' }, added] }, held);
  expect(['a-own', 'b-other'].map((one) => admin.views.entries.get(one)?.hint)).toEqual(['x', 'y']);
  await expect(apply({ entries: [{ ...other, hint: 'z' }] }, held)).rejects.toThrow(forbidden);
});
