import { readFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { checkDataDir } from '../../../src/adapters/sqlite/check-ledger.ts';
import { ledgerFile } from '../../../src/adapters/sqlite/open.ts';
import { unpackText } from '../../../src/adapters/sqlite/packed-text.ts';
import type { RecordId } from '../../../src/domain/record-id.ts';
import type { SpiffeId } from '../../../src/domain/spiffe-id.ts';
import { attested } from '../../support/admission.ts';
import { deniedFixture, entryFixture, FOUNDATION, issuedFixture, newId } from '../../support/facts.ts';
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
    const stored = db.prepare<[], Buffer>('SELECT leaf FROM log_entry').pluck().all();
    db.close();
    const leaves = stored.map((leaf) => Buffer.from(unpackText(leaf)).toString());
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

  test('of several nodes that are one agent, each keeps the attestation under which it renews', async () => {
    const test = await ready();
    const { ledger, views, clock } = test;
    const seconds = () => clock.now() / 1000;
    const spiffeId = 'spiffe://example.org/mayfly/agent/oidc/node' as SpiffeId;
    const came = () => attested({ spiffeId, renewUntil: seconds() + 3600 });
    const [gone, older, newest] = [came(), came(), came()];
    const renewed = (attestation: RecordId) =>
      issuedFixture({ spiffeId, role: 'agent', attestation, notAfter: seconds() + 3600 });
    await ledger.append({ facts: [gone, older, newest] });
    await ledger.append({ facts: [renewed(gone.id), renewed(older.id), renewed(newest.id)] });
    for (let days = 0; days < 20; days += 1) {
      clock.advance(DAY);
      await ledger.append({ facts: [renewed(older.id), renewed(newest.id)] });
    }
    expect(await test.open.purge()).toMatchObject({ attestations: 1 });
    expect([gone, older, newest].map(({ id }) => views.attestations.get(id)?.id)).toEqual([
      undefined,
      older.id,
      newest.id,
    ]);
  });

  test('a probe writes no fact', async () => {
    const test = await start();
    const before = test.views.log.head();
    await test.open.probe();
    expect(test.views.log.head()).toEqual(before);
  });
});
