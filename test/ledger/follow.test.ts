import type { Fact } from '../../src/domain/fact.ts';
import type { RecordId } from '../../src/domain/record-id.ts';
import { Follower } from '../../src/ledger/follow.ts';
import type { Views } from '../../src/ports/views.ts';
import { entryFixture, FOUNDATION, newId, WEB } from '../support/facts.ts';
import { openTestLedger, type TestLedger } from '../support/ledger.ts';

let opened: TestLedger;
/** What the disk says instead of the next row of a revocation. */
let broken: Error | undefined;
let follower: Follower;

const failing = (views: Views): Views => ({
  ...views,
  revocations: {
    ...views.revocations,
    get: (id) => {
      if (broken !== undefined) throw broken;
      return views.revocations.get(id);
    },
  },
});

beforeEach(async () => {
  broken = undefined;
  opened = await openTestLedger();
  follower = new Follower(failing(opened.views));
});

afterEach(() => opened.close());

const write = async (...facts: readonly Fact[]): Promise<void> => {
  expect(await opened.ledger.append({ facts })).toMatchObject({ status: 'committed' });
};

const ban = async (): Promise<RecordId> => {
  const id = newId();
  const target = { kind: 'identity', value: WEB } as const;
  await write({ kind: 'revoked', id, target, predicates: ['cutoff', 'block'], reason: 'test', by: 'test' });
  return id;
};

describe('a front end that catches up', () => {
  // P2
  test('does it all at the next call when a read fails, and nothing before', async () => {
    const told: string[] = [];
    follower.on('entries', (changes) => told.push(...changes.map(({ subject }) => subject)));
    follower.on('revocations', (changes) => told.push(...changes.map(({ subject }) => subject)));
    await write(...FOUNDATION);
    follower.refresh();
    const before = [follower.cursor, follower.authorities()];
    told.length = 0;
    await write({ kind: 'entry-created', entry: entryFixture({ id: 'entry-2' }), by: 'test', leans: { policy: 1 } });
    const first = await ban();
    const second = await ban();
    broken = new Error('disk I/O error');
    expect(() => follower.refresh()).toThrow('disk I/O error');
    expect([follower.cursor, follower.authorities()]).toEqual(before);
    expect([follower.revocations.all(), told]).toEqual([[], []]);
    broken = undefined;
    follower.refresh();
    expect(follower.revocations.barring({ spiffeId: WEB })?.id).toBe(first);
    expect(follower.revocations.all().map(({ id }) => id)).toEqual([first, second]);
    expect([follower.cursor, told]).toEqual([opened.views.changes.newest(), ['entry-2', first, second]]);
  });

  test('tells all others when a listener throws, once, and then throws what it did', async () => {
    const told: string[] = [];
    follower.on('entries', () => {
      throw new Error('no space left');
    });
    follower.on('entries', () => told.push('entries'));
    follower.on('revocations', () => told.push('revocations'));
    await write({ kind: 'entry-created', entry: entryFixture(), by: 'test', leans: { policy: 1 } });
    const id = await ban();
    expect(() => follower.refresh()).toThrow('no space left');
    expect(told).toEqual(['entries', 'revocations']);
    expect(follower.revocations.barring({ spiffeId: WEB })?.id).toBe(id);
    follower.refresh();
    expect(told).toHaveLength(2);
  });
});
