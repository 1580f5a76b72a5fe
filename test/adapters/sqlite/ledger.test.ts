import { statSync } from 'node:fs';
import type { Fact } from '../../../src/domain/fact.ts';
import type { SpiffeId } from '../../../src/domain/spiffe-id.ts';
import { AGENT, deniedFixture, entryFixture, FOUNDATION, issuedFixture, newId, WEB } from '../../support/facts.ts';
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
