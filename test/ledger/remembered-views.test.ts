import { Follower } from '../../src/ledger/follow.ts';
import { rememberedViews } from '../../src/ledger/remembered-views.ts';
import type { Fact } from '../../src/domain/fact.ts';
import type { Resource } from '../../src/domain/resource.ts';
import type { Views } from '../../src/ports/views.ts';
import { AGENT, entryFixture, WEB } from '../support/facts.ts';
import { openTestLedger, type TestLedger } from '../support/ledger.ts';

const SELECTORS = ['unix:uid:1000'];
const RESOURCE: Resource = {
  identifier: 'https://orders.example',
  names: ['orders'],
  owners: [],
  scopes: [{ name: 'read' }],
  bindings: ['mtls'],
  algorithm: 'ES256',
  claims: {},
  revision: 1,
};

describe('remembered views', () => {
  let opened: TestLedger;
  let views: Views;
  /** Reads of the store, by method. */
  let reads: string[];

  const counted = <T extends object>(target: T, name: keyof T & string): T => ({
    ...target,
    [name]: (...args: unknown[]) => {
      reads.push(name);
      return (target[name] as (...all: unknown[]) => unknown)(...args);
    },
  });

  const write = async (fact: Fact): Promise<void> => {
    expect(await opened.ledger.append({ facts: [fact] })).toMatchObject({ status: 'committed' });
  };

  const create = (options: Parameters<typeof entryFixture>[0] = {}): Promise<void> =>
    write({ kind: 'entry-created', entry: entryFixture(options), by: 'test', leans: { policy: 1 } });

  const update = (revision: number, selectors: readonly string[]): Promise<void> =>
    write({
      kind: 'entry-updated',
      entry: entryFixture({ revision, selectors }),
      by: 'test',
      leans: { policy: 1, entry: { id: 'entry-1', revision: revision - 1 } },
    });

  beforeEach(async () => {
    opened = await openTestLedger();
    reads = [];
    const stored: Views = {
      ...opened.views,
      entries: counted(counted(opened.views.entries, 'get'), 'matching'),
      resources: counted(opened.views.resources, 'named'),
    };
    views = rememberedViews(stored, new Follower(stored));
  });

  afterEach(() => opened.close());

  test('ask the store once for an entry that does not change', async () => {
    await create();
    expect(views.entries.get('entry-1')).toMatchObject({ revision: 1 });
    expect(views.entries.get('entry-1')).toMatchObject({ revision: 1 });
    expect(reads).toEqual(['get']);
  });

  test('give the new revision from the commit of a change on', async () => {
    await create();
    expect(views.entries.get('entry-1')?.revision).toBe(1);
    await update(2, ['unix:uid:7']);
    expect(views.entries.get('entry-1')).toMatchObject({ revision: 2, selectors: ['unix:uid:7'] });
  });

  test('forget an entry that was deleted', async () => {
    await create();
    expect(views.entries.get('entry-1')).toBeDefined();
    await write({
      kind: 'entry-deleted',
      spiffeId: WEB,
      id: 'entry-1',
      by: 'test',
      leans: { policy: 1, entry: { id: 'entry-1', revision: 1 } },
    });
    expect(views.entries.get('entry-1')).toBeUndefined();
  });

  test('do not remember that something was missing', async () => {
    expect(views.entries.get('entry-1')).toBeUndefined();
    await create();
    expect(views.entries.get('entry-1')).toBeDefined();
  });

  test('match selectors anew when any entry changed, and under each parent apart', async () => {
    await create();
    expect(views.entries.matching(AGENT, SELECTORS)).toHaveLength(1);
    expect(views.entries.matching(AGENT, SELECTORS)).toHaveLength(1);
    expect(reads).toEqual(['matching']);
    expect(views.entries.matching(`${AGENT}/other` as typeof AGENT, SELECTORS)).toEqual([]);
    await update(2, ['unix:uid:7']);
    expect(views.entries.matching(AGENT, SELECTORS)).toEqual([]);
  });

  test('follow resources by identifier and by name', async () => {
    expect(views.resources.named('orders')).toBeUndefined();
    await write({ kind: 'resource-created', resource: RESOURCE, by: 'test', leans: { policy: 1 } });
    expect(views.resources.named('orders')).toMatchObject({ revision: 1 });
    expect(views.resources.named('orders')).toMatchObject({ revision: 1 });
    expect(reads).toEqual(['named', 'named']);
    await write({
      kind: 'resource-deleted',
      identifier: RESOURCE.identifier,
      by: 'test',
      leans: { policy: 1, resource: { identifier: RESOURCE.identifier, revision: 1 } },
    });
    expect(views.resources.named('orders')).toBeUndefined();
    expect(views.resources.get(RESOURCE.identifier)).toBeUndefined();
  });
});
