import { readFileSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { checkDataDir } from '../../../src/adapters/sqlite/check-ledger.ts';
import { ledgerFile } from '../../../src/adapters/sqlite/open.ts';
import type { Fact } from '../../../src/domain/fact.ts';
import type { SpiffeId } from '../../../src/domain/spiffe-id.ts';
import { MAX_WAITING } from '../../../src/ledger/pool.ts';
import { AGENT, deniedFixture, entryFixture, FOUNDATION, issuedFixture, newId, WEB } from '../../support/facts.ts';
import { openTestLedger } from '../../support/ledger.ts';
import type { TestLedger } from '../../support/ledger.ts';

const DAY = 24 * 60 * 60 * 1000;

let open: TestLedger | undefined;
afterEach(async () => {
  await open?.close().catch(() => {});
  open = undefined;
});

const start = async (options: Parameters<typeof openTestLedger>[0] = {}): Promise<TestLedger> => {
  open = await openTestLedger(options);
  return open;
};

const ready = async (options: Parameters<typeof openTestLedger>[0] = {}): Promise<TestLedger> => {
  const test = await start(options);
  expect(await test.ledger.append({ facts: FOUNDATION })).toMatchObject({ status: 'committed' });
  return test;
};

const settled = async (work: Promise<unknown>): Promise<string> =>
  await work.then(
    () => 'done',
    (error: Error & { code?: string }) => error.code ?? error.message,
  );

describe('appending', () => {
  test('a group gets adjacent places, and a decision is found by its id', async () => {
    const { ledger, views } = await ready();
    const [first, second] = [issuedFixture(), issuedFixture({ credential: 'jwt-svid' })];
    const appended = await ledger.append({ facts: [first, second] });
    expect(appended).toMatchObject({ status: 'committed', index: 4 });
    expect(views.log.find(second.id)).toBe(5);
    expect(views.log.at(5)?.fact).toEqual(second);
    expect(views.credentials.get(second.id)).toMatchObject({
      credential: 'jwt-svid',
      index: 5,
      spiffeId: WEB,
      agent: AGENT,
      superseded: false,
    });
  });

  // The promise of the quickstart: one token, one identity.
  test('of 100 parallel redemptions of one join token by different keys one is admitted', async () => {
    const { ledger, views } = await ready();
    const redeem = (key: number): Fact => ({
      kind: 'attested',
      id: newId(),
      attestor: 'join_token',
      role: 'agent',
      spiffeId: `${AGENT}-${key}` as SpiffeId,
      selectors: [],
      evidence: 'ab',
      spki: 'cd',
      renewUntil: 2_000_000_000,
      leans: { policy: 1 },
      spends: [{ kind: 'join-token', key: 'aa', spki: key.toString(16).padStart(64, '0'), until: 2_000_000_000 }],
    });
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, key) => ledger.append({ facts: [redeem(key)], denial: deniedFixture() })),
    );
    expect(answers.filter(({ status }) => status === 'committed')).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 'refused')).toHaveLength(99);
    // P1: the 99 denials are on record too.
    expect(views.log.head().size).toBe(4 + 100);
  });

  test('ledger time never goes back', async () => {
    const { ledger, views, clock } = await start();
    await ledger.append({ facts: [deniedFixture()] });
    const before = views.log.at(1)?.time;
    clock.advance(-60_000);
    await ledger.append({ facts: [deniedFixture()] });
    expect(views.log.at(2)?.time).toBe(before);
  });

  test('a fact that cannot be recorded fails its own caller alone', async () => {
    const { ledger } = await start();
    const bad = deniedFixture({ asked: { scope: '\ud800' } });
    const [wrong, right] = await Promise.allSettled([
      ledger.append({ facts: [bad] }),
      ledger.append({ facts: [deniedFixture()] }),
    ]);
    expect(wrong.status).toBe('rejected');
    expect(right).toMatchObject({ status: 'fulfilled', value: { status: 'committed', index: 1 } });
    expect(await settled(ledger.append({ facts: [] }))).toContain('at least one');
  });

  // P2
  test('from the answer to a revocation on nothing more is issued, through any front end', async () => {
    const test = await ready();
    const other = test.open.connect();
    await test.ledger.append({
      facts: [
        {
          kind: 'revoked',
          id: newId(),
          target: { kind: 'identity', value: WEB },
          predicates: ['block'],
          reason: 'x',
          by: 'y',
        },
      ],
    });
    expect(await other.ledger.append({ facts: [issuedFixture()] })).toMatchObject({
      status: 'refused',
      code: 'revoked',
    });
    expect(other.views.revocations.active()).toHaveLength(1);
    other.close();
  });

  // DEC-4: also when the revision was read for an issuance before
  test('an issuance that leans on an entry since changed decides again', async () => {
    const { ledger } = await ready();
    expect(await ledger.append({ facts: [issuedFixture()] })).toMatchObject({ status: 'committed' });
    const leans = { policy: 1, entry: { id: 'entry-1', revision: 1 } };
    const entry = entryFixture({ revision: 2 });
    await ledger.append({ facts: [{ kind: 'entry-updated', entry, by: 'test', leans }] });
    expect(await ledger.append({ facts: [issuedFixture()] })).toEqual({ status: 'changed', what: 'entry' });
    await ledger.append({
      facts: [{ kind: 'entry-deleted', id: 'entry-1', spiffeId: WEB, by: 'test', leans: { policy: 1 } }],
    });
    const second = issuedFixture({ leans: { policy: 1, entry: { id: 'entry-1', revision: 2 } } });
    expect(await ledger.append({ facts: [second] })).toEqual({ status: 'changed', what: 'entry' });
  });

  // P6
  test('nobody else on the machine can read the store', async () => {
    const { ledger, dataDir } = await start();
    await ledger.append({ facts: [deniedFixture()] });
    const modes = ['ledger.db', 'ledger.db-wal'].map((file) => statSync(`${dataDir}/${file}`).mode % 0o1000);
    expect(modes).toEqual([0o600, 0o600]);
  });

  test('what was admitted is still known after a restart', async () => {
    const first = await ready();
    const issued = issuedFixture({ spends: [{ kind: 'assertion', key: 'aa', until: 2_000_000_000 }] });
    await first.ledger.append({ facts: [issued] });
    await first.close({ keep: true });
    const { ledger } = await start({ dataDir: first.dataDir });
    const again = await ledger.append({ facts: [{ ...issued, id: newId() }] });
    expect(again).toMatchObject({ status: 'refused', code: 'invalid_client' });
    expect(await ledger.append({ facts: [issued] })).toMatchObject({ status: 'refused', code: 'conflict' });
  });
});

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
    expect(fatal()?.message).toContain('full');
    expect(await settled(ledger.append({ facts: [deniedFixture()] }))).toContain('unknown');
    const check = checkDataDir(dataDir);
    expect(check.problems).toEqual([]);
    expect(check.size).toBe(1 + acknowledged);
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

describe('erasure and retention', () => {
  const CANARY = 'canary-7f3a';

  /** Every byte of the store and of its write-ahead log. */
  const storeBytes = (dataDir: string): string =>
    ['ledger.db', 'ledger.db-wal'].map((file) => readFileSync(`${dataDir}/${file}`, 'latin1')).join('');

  // TL-14, TL-15
  test('after retention the canary is nowhere, and log and proofs are what they were', async () => {
    const test = await ready();
    const { ledger, views, clock, dataDir } = test;
    const denial = deniedFixture({ source: CANARY, reason: CANARY });
    const issued = issuedFixture({ spiffeId: `spiffe://example.org/${CANARY}` as SpiffeId });
    await ledger.append({ facts: [denial] });
    await ledger.append({ facts: [issued] });
    const leaves = Array.from({ length: views.log.head().size }, (_, index) => views.log.at(index)?.leafHash);
    const head = views.log.head();
    expect(storeBytes(dataDir)).toContain(CANARY);

    clock.advance(500 * DAY);
    const counts = await test.open.purge();
    expect(counts).toMatchObject({ credentials: 1, openings: 5 });
    await test.open.checkpoint();

    expect(storeBytes(dataDir)).not.toContain(CANARY);
    expect(views.log.at(views.log.find(denial.id) ?? 4)?.fact).toBeUndefined();
    expect(views.credentials.get(issued.id)).toBeUndefined();
    expect(leaves).toEqual(leaves.map((_, index) => views.log.at(index)?.leafHash));
    expect(views.log.at(head.size)?.fact).toMatchObject({ kind: 'details-erased', count: 5 });
    expect(checkDataDir(dataDir).problems).toEqual([]);
  });

  // TL-15: leaves hold no canary while details still do
  test('no leaf holds what names a workload or a caller', async () => {
    const { ledger, dataDir } = await ready();
    const spiffeId = `spiffe://example.org/${CANARY}` as SpiffeId;
    await ledger.append({
      facts: [
        issuedFixture({ spiffeId }),
        deniedFixture({ source: CANARY, spiffeId, selectors: [CANARY], asked: { scope: CANARY } }),
        { kind: 'entry-created', entry: entryFixture({ id: CANARY, spiffeId }), by: CANARY, leans: { policy: 1 } },
        {
          kind: 'revoked',
          id: newId(),
          target: { kind: 'identity', value: spiffeId },
          predicates: ['lock'],
          reason: CANARY,
          by: CANARY,
        },
      ],
    });
    const db = new Database(ledgerFile(dataDir), { readonly: true });
    const leaves = db.prepare<[], string>('SELECT CAST(leaf AS TEXT) FROM log_entry').pluck().all();
    db.close();
    expect(leaves.length).toBe(8);
    expect(leaves.filter((leaf) => leaf.includes(CANARY))).toEqual([]);
  });

  test('what is still alive is not purged, and a purged serial is still found', async () => {
    const test = await ready();
    const { ledger, views, clock } = test;
    const issued = issuedFixture({ notAfter: clock.now() / 1000 + 3600 });
    await ledger.append({ facts: [issued] });
    clock.advance(7 * DAY);
    expect(await test.open.purge()).toMatchObject({ credentials: 0, openings: 0 });
    expect(views.credentials.get(issued.id)).toBeDefined();
    clock.advance(DAY);
    expect(await test.open.purge()).toMatchObject({ credentials: 1, openings: 0 });
    expect(views.credentials.get(issued.id)).toBeUndefined();
    expect(views.log.find(issued.id)).toBe(4);
    // A name that was purged can come again.
    expect(await ledger.append({ facts: [issuedFixture()] })).toMatchObject({ status: 'committed' });
  });

  test('a probe writes no fact', async () => {
    const test = await start();
    const before = test.views.log.head();
    await test.open.probe();
    expect(test.views.log.head()).toEqual(before);
  });
});
