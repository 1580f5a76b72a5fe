import { CHANGE_MARK_BYTES, ChangeMark } from '../../../src/adapters/sqlite/change-mark.ts';
import { openForReading, ledgerFile } from '../../../src/adapters/sqlite/open.ts';
import { sqliteViews } from '../../../src/adapters/sqlite/views.ts';
import { deniedFixture, entryFixture } from '../../support/facts.ts';
import { openTestLedger } from '../../support/ledger.ts';

const created = { kind: 'entry-created', entry: entryFixture(), by: 'test', leans: { policy: 1 } } as const;

test('a mark that moved is seen through the same memory', () => {
  const memory = new SharedArrayBuffer(CHANGE_MARK_BYTES);
  const mark = new ChangeMark(memory);
  const before = mark.value;
  new ChangeMark(memory).advance();
  expect(mark.value).not.toBe(before);
});

test('who watches is told of a move, also of one made while they were told', async () => {
  const memory = new SharedArrayBuffer(CHANGE_MARK_BYTES);
  const mark = new ChangeMark(memory);
  const { promise, resolve } = Promise.withResolvers<void>();
  let told = 0;
  const stop = mark.watch(() => {
    told += 1;
    if (told === 1) new ChangeMark(memory).advance();
    if (told === 2) resolve();
  });
  mark.advance();
  await promise;
  stop();
  mark.advance();
  await new Promise((done) => setImmediate(done));
  expect(told).toBe(2);
});

describe('the newest change', () => {
  test('is known as soon as the change is answered, in every front end', async () => {
    const opened = await openTestLedger();
    const other = opened.open.connect();
    try {
      const before = [opened.views, other.views].map((views) => views.changes.newest());
      const answer = await opened.ledger.append({ facts: [created] });
      expect(answer).toMatchObject({ status: 'committed' });
      const index = answer.status === 'committed' ? answer.index : -1;
      expect(before).not.toContain(index);
      expect([opened.views, other.views].map((views) => views.changes.newest())).toEqual([index, index]);
    } finally {
      other.close();
      await opened.close();
    }
  });

  test('stays where it is after facts that change nothing for others', async () => {
    const opened = await openTestLedger();
    try {
      const before = opened.views.changes.newest();
      await opened.ledger.append({ facts: [deniedFixture()] });
      expect(opened.views.changes.newest()).toBe(before);
    } finally {
      await opened.close();
    }
  });

  test('is not read from a store whose mark stands still, and always without a mark', async () => {
    const opened = await openTestLedger();
    const db = openForReading(ledgerFile(opened.dataDir));
    try {
      const mark = new ChangeMark(new SharedArrayBuffer(CHANGE_MARK_BYTES));
      const [marked, unmarked] = [sqliteViews(db, mark), sqliteViews(db)];
      const before = marked.changes.newest();
      await opened.ledger.append({ facts: [created] });
      expect(marked.changes.newest()).toBe(before);
      mark.advance();
      expect(marked.changes.newest()).toBe(unmarked.changes.newest());
      expect(marked.changes.newest()).not.toBe(before);
    } finally {
      db.close();
      await opened.close();
    }
  });
});
