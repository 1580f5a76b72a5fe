import * as fc from 'fast-check';
import type { EntryDraft } from '../../src/domain/entry-rules.ts';
import { applyEntries } from '../../src/usecases/apply-entries.ts';
import { createEntry } from '../../src/usecases/create-entry.ts';
import { createResource } from '../../src/usecases/manage-resources.ts';
import { planApply, type ApplyFile } from '../../src/usecases/plan-apply.ts';
import { revoked } from '../support/admission.ts';
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
beforeAll(async () => {
  admin = await openAdministration();
});
afterAll(() => admin.close());
beforeEach(async () => {
  await apply({ owner: 'team', prune: true });
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const plan = (file: ApplyFile, who = ROOT) => planApply(admin, who, file, turn);
const apply = async (file: ApplyFile) => applyEntries(admin, ROOT, file, (await plan(file)).digest, turn);
const actions = async (file: ApplyFile): Promise<readonly string[]> =>
  (await plan(file)).items.map(({ kind, action }) => `${action} ${kind}`);

const FILE: ApplyFile = {
  owner: 'team',
  resources: [API],
  entries: [
    entryDraft({ audiences: [API.identifier], scopes: ['read'] }),
    { ...entryDraft({ spiffeId: id('/db') }), id: undefined },
  ],
};

describe('a file of entries and resources', () => {
  test('is planned, applied, and then there is nothing to do', async () => {
    expect(await actions(FILE)).toEqual(['create resource', 'create entry', 'create entry']);
    const before = admin.size();
    await apply(FILE);
    expect(admin.size()).toBe(before + 3);
    expect(await actions(FILE)).toEqual(['unchanged resource', 'unchanged entry', 'unchanged entry']);
    await apply(FILE);
    expect(admin.size()).toBe(before + 3);
  });

  test('a plan says which fields change', async () => {
    await apply(FILE);
    const changed = { ...FILE, entries: [entryDraft({ hint: 'h', x509Ttl: 600 })] };
    const item = (await plan(changed)).items.find(({ action }) => action === 'update');
    expect(item).toMatchObject({ kind: 'entry', name: id('/web'), revision: 1 });
    expect(item?.changes).toEqual([
      { field: 'grants', before: [{ resource: API.identifier, scopes: ['read'] }], after: [] },
      { field: 'hint', after: 'h' },
      { field: 'x509Ttl', after: 600 },
    ]);
  });

  test('prune deletes what the owner keeps and the file does not name, and nothing else', async () => {
    await apply(FILE);
    const stranger = await createEntry(
      admin,
      ROOT,
      entryDraft({ spiffeId: id('/stranger'), owner: 'other' }),
      admin.newId(),
    );
    expect(await actions({ owner: 'team', entries: FILE.entries?.slice(1) })).toEqual(['unchanged entry']);
    const pruned = { owner: 'team', entries: FILE.entries?.slice(1), prune: true };
    expect(await actions(pruned)).toEqual(['delete resource', 'unchanged entry', 'delete entry']);
    await apply(pruned);
    expect(admin.views.entries.get(stranger.id)).toBeDefined();
    expect(admin.views.resources.get(API.identifier)).toBeUndefined();
    await apply({ owner: 'other', prune: true });
  });

  test('a resource that a foreign entry still grants is not pruned', async () => {
    await apply({ owner: 'team', resources: [API] });
    const draft = entryDraft({
      spiffeId: id('/foreign'),
      owner: 'other',
      audiences: [API.identifier],
      scopes: ['read'],
    });
    await createEntry(admin, ROOT, draft);
    expect(await refusalOf(plan({ owner: 'team', prune: true }))).toMatchObject({ code: 'conflict' });
    await apply({ owner: 'other', prune: true });
  });

  test('an id finds its entry, whatever else changed', async () => {
    const entryId = admin.newId();
    await apply({ owner: 'team', entries: [{ ...entryDraft(), id: entryId }] });
    await apply({ owner: 'team', entries: [{ ...entryDraft({ spiffeId: id('/moved') }), id: entryId }] });
    expect(admin.views.entries.get(entryId)).toMatchObject({ spiffeId: id('/moved'), revision: 2 });
  });

  test('nothing is applied when the plan is another one by now', async () => {
    const { digest } = await plan(FILE);
    await createResource(admin, ROOT, { ...API, owner: 'team' });
    const before = admin.size();
    await expect(applyEntries(admin, ROOT, FILE, digest, turn)).rejects.toMatchObject({ code: 'precondition_failed' });
    expect(admin.size()).toBe(before);
  });

  test('every problem of the file is told with its place', async () => {
    const refused = await refusalOf(
      plan({
        resources: [{ ...API, scopes: [] }, API, API],
        entries: [entryDraft({ selectors: [] }), entryDraft({ spiffeId: 'x' }), entryDraft(), entryDraft()],
      }),
    );
    expect(refused.problems.map(({ field }) => field)).toEqual([
      'resources[0].scopes',
      'resources[2]',
      'resources[2]',
      'entries[0].selectors',
      'entries[1].spiffeId',
      'entries[3]',
    ]);
  });

  test.each<[string, ApplyFile, string]>([
    ['prune without an owner', { prune: true }, 'prune'],
    ['prune across owners', { owner: 'team', prune: true, entries: [entryDraft({ owner: 'x' })] }, 'prune'],
    ['an id that is none', { entries: [{ ...entryDraft(), id: '/' }] }, 'entries[0].id'],
    [
      'a grant of nothing known',
      { entries: [entryDraft({ audiences: ['urn:no'], scopes: ['a'] })] },
      'entries[0].audiences',
    ],
  ])('%s is refused', async (_what, file, field) => {
    expect(await refusalOf(plan(file))).toMatchObject({ code: 'invalid_entry', field });
  });

  test('an entry that another owner keeps is not made a second time', async () => {
    await apply(FILE);
    const refused = await refusalOf(plan({ owner: 'other', entries: [entryDraft()] }));
    expect(refused).toMatchObject({ code: 'invalid_entry', field: 'entries[0]' });
  });

  test('an administrator with a prefix applies below it only', async () => {
    // DEC-28
    expect(await codeOf(plan({ entries: [entryDraft()] }, registrar('/team')))).toBe('forbidden');
    expect(await codeOf(plan({ resources: [API] }, registrar('/team')))).toBe('forbidden');
    const mine = { entries: [entryDraft({ spiffeId: id('/team/a'), owner: 'team' })] };
    expect((await plan(mine, registrar('/team'))).items).toHaveLength(1);
  });

  test('applying twice is applying once', async () => {
    const draft: fc.Arbitrary<EntryDraft> = fc.record(
      {
        spiffeId: fc.constantFrom('/a', '/b', '/c/d').map(id),
        selectors: fc.array(fc.constantFrom('unix:uid:1', 'unix:uid:2', 'k8s:ns:x'), { minLength: 1, maxLength: 4 }),
        x509Ttl: fc.integer({ min: 300, max: 3600 }),
        hint: fc.constantFrom('h', 'ü'),
        dnsNames: fc.array(fc.constantFrom('a.svc.example.org', 'B.svc.example.org'), { maxLength: 3 }),
        federatesWith: fc.array(fc.constantFrom('o.org', 'p.org'), { maxLength: 3 }),
      },
      { requiredKeys: ['spiffeId', 'selectors'] },
    );
    const key = ({ spiffeId, selectors }: EntryDraft): string => `${spiffeId} ${[...new Set(selectors)].sort().join()}`;
    const files = fc.uniqueArray(draft, { selector: key, maxLength: 6 });
    const property = fc.asyncProperty(files, files, async (first, second) => {
      await apply({ owner: 'team', prune: true, entries: first });
      await apply({ owner: 'team', prune: true, entries: second });
      const size = admin.size();
      const plan = await apply({ owner: 'team', prune: true, entries: second });
      expect(plan.items.every(({ action }) => action === 'unchanged')).toBe(true);
      expect([admin.size(), admin.views.entries.count({ owner: 'team' })]).toEqual([size, second.length]);
    });
    await fc.assert(property, { numRuns: 25 });
  });
});

describe('a file that is planned in slices, while others write', () => {
  const drafts = Array.from({ length: 40 }, (_, at) => entryDraft({ spiffeId: id(`/many/${at}`) }));
  const many: ApplyFile = { owner: 'team', entries: drafts };
  const first = { ...entryDraft({ spiffeId: id('/many/0') }), owner: 'team' };

  /** Lets others write in one of the turns, or in each. */
  const writingIn = (isTurn: (at: number) => boolean, write: () => Promise<unknown>) => {
    let at = 0;
    return async (): Promise<void> => {
      at += 1;
      if (isTurn(at)) await write();
    };
  };
  const writeFirst = () => createEntry(admin, ROOT, first);

  test('a plan knows what was written while it was made', async () => {
    const made = await planApply(
      admin,
      ROOT,
      many,
      writingIn((at) => at === 1, writeFirst),
    );
    expect(made.items.filter(({ action }) => action === 'unchanged').map(({ name }) => name)).toEqual([id('/many/0')]);
  });

  test('a plan that others never leave in peace is refused', async () => {
    let count = 0;
    const write = () => createEntry(admin, ROOT, entryDraft({ spiffeId: id(`/noise/${(count += 1)}`), owner: 'team' }));
    await expect(
      planApply(
        admin,
        ROOT,
        many,
        writingIn(() => true, write),
      ),
    ).rejects.toMatchObject({ code: 'conflict' });
    expect(count).toBeLessThan(20);
  });

  test.each([1, 2, 3, 4, 5])(
    'what is written in turn %i makes it another plan, and nothing is applied',
    async (turnAt) => {
      const { digest } = await plan(many);
      const before = admin.size();
      const standAside = writingIn((at) => at === turnAt, writeFirst);
      await expect(applyEntries(admin, ROOT, many, digest, standAside)).rejects.toMatchObject({
        code: 'precondition_failed',
      });
      expect(admin.size()).toBe(before + 1);
    },
  );

  test('what does not touch entries is no other plan', async () => {
    const { digest } = await plan(many);
    const write = () => admin.ledger.append({ facts: [revoked({ kind: 'entry', value: 'other' }, ['block'])] });
    await applyEntries(
      admin,
      ROOT,
      many,
      digest,
      writingIn(() => true, write),
    );
    expect(admin.views.entries.count({ owner: 'team' })).toBe(40);
  });
});
