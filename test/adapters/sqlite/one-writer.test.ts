import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { checkDataDir } from '../../../src/adapters/sqlite/check-ledger.ts';
import { ledgerFile } from '../../../src/adapters/sqlite/open.ts';
import { MAX_WAITING } from '../../../src/ledger/pool.ts';
import { deniedFixture } from '../../support/facts.ts';
import { openTestLedger } from '../../support/ledger.ts';
import type { TestLedger } from '../../support/ledger.ts';

let open: TestLedger | undefined;
afterEach(async () => {
  await open?.close().catch(() => {});
  open = undefined;
});

const start = async (options: Parameters<typeof openTestLedger>[0] = {}): Promise<TestLedger> => {
  open = await openTestLedger(options);
  return open;
};

const settled = async (work: Promise<unknown>): Promise<string> =>
  await work.then(
    () => 'done',
    (error: Error & { code?: string }) => error.code ?? error.message,
  );

describe('one writer', () => {
  // TL-12
  test('a second server on the folder is refused with one sentence', async () => {
    const { dataDir } = await start();
    await expect(openTestLedger({ dataDir })).rejects.toThrow(`another Mayfly server is running on ${dataDir}`);
  });

  // TL-12
  test('a writer whose state is stale writes nothing and ends', async () => {
    const { ledger, dataDir, fatal } = await start();
    const db = new Database(ledgerFile(dataDir));
    db.prepare('UPDATE log_state SET size = size + 1').run();
    expect(await settled(ledger.append({ facts: [deniedFixture()] }))).toContain('unknown');
    expect(fatal()?.message).toContain('another writer');
    expect(db.prepare('SELECT count(*) FROM log_entry').pluck().get()).toBe(1);
    db.close();
  });

  test('the store refuses changes to entries and tiles', async () => {
    const { dataDir } = await start();
    const db = new Database(ledgerFile(dataDir));
    expect(() => db.exec("UPDATE log_entry SET leaf = x'00'")).toThrow('never changed');
    expect(() => db.exec('DELETE FROM log_entry')).toThrow('never deleted');
    expect(() => db.exec("UPDATE log_tile SET hashes = x''")).toThrow('never shrinks');
    expect(() => db.exec('DELETE FROM log_tile')).toThrow('never deleted');
    db.close();
  });

  test.each([['another trust domain', { trustDomain: 'other.example' }, 'belongs to trust domain example.org']])(
    '%s does not open the store',
    async (_name, options, message) => {
      const first = await start();
      await first.close({ keep: true });
      await expect(openTestLedger({ dataDir: first.dataDir, ...options })).rejects.toThrow(message);
    },
  );
});

describe('when the disk fails', () => {
  // TL-9: nothing is acknowledged that is not durable
  test('a full disk ends the writer, and nothing is acknowledged', async () => {
    const { ledger, fatal, dataDir } = await start({ testing: { maxPages: 60 } });
    let acknowledged = 0;
    const append = async (): Promise<void> => {
      for (;;) {
        await ledger.append({ facts: [deniedFixture({ asked: { scope: 'x'.repeat(4000) } })] });
        acknowledged += 1;
      }
    };
    const ends = await Promise.all(Array.from({ length: 8 }, () => settled(append())));
    expect(ends.every((end) => end.includes('unknown'))).toBe(true);
    expect(fatal()).toMatchObject({ code: 'SQLITE_FULL', message: expect.stringContaining('full') as string });
    expect(await settled(ledger.append({ facts: [deniedFixture()] }))).toContain('unknown');
    const check = checkDataDir(dataDir);
    expect(check.problems).toEqual([]);
    expect(check.size).toBe(1 + acknowledged);
  });

  test('a store that does not open for a failing disk says so by the code, which tells whether to try again', async () => {
    const first = await start();
    await first.close({ keep: true });
    const { dataDir } = first;
    rmSync(join(dataDir, 'lock.db'));
    // Stands in for a file system that was remounted read-only: the system refuses to open the file.
    mkdirSync(join(dataDir, 'lock.db'));
    await expect(openTestLedger({ dataDir })).rejects.toMatchObject({ code: 'EISDIR' });
  });

  test('a commit that fails is not tried again', async () => {
    const testing = { failpoint: { name: 'before-commit', action: 'throw', after: 1 } } as const;
    const { ledger, fatal, dataDir } = await start({ testing });
    expect(await settled(ledger.append({ facts: [deniedFixture()] }))).toContain('unknown');
    expect(fatal()?.message).toContain('disk failed');
    expect(checkDataDir(dataDir).size).toBe(1);
  });

  // TL-17
  test('behind a slow disk the queue is bounded and the rest hears busy', async () => {
    const testing = { failpoint: { name: 'before-commit', action: 'delay', delayMs: 40, after: 1 } } as const;
    const { ledger, views } = await start({ testing });
    const started = ledger.append({ facts: [deniedFixture()] });
    const ends = await Promise.all(
      Array.from({ length: MAX_WAITING + 500 }, () => settled(ledger.append({ facts: [deniedFixture()] }))),
    );
    await started;
    expect(ends.filter((end) => end === 'busy')).toHaveLength(501);
    expect(ends.filter((end) => end === 'done')).toHaveLength(MAX_WAITING - 1);
    expect(views.log.head().size).toBe(1 + MAX_WAITING);
  });
});
