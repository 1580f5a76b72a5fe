import { aggregateMetrics, Metrics } from '../../src/adapters/http/metrics.ts';
import { observedLedger } from '../../src/compose/observed-ledger.ts';
import { Refusal } from '../../src/domain/refusal.ts';
import type { Append, Appended } from '../../src/ports/ledger.ts';
import { deniedFixture, issuedFixture, START } from '../support/facts.ts';
import { testClock } from '../support/ledger.ts';

const COMMITTED: Appended = { status: 'committed', epoch: 1, index: 7, time: START };

/** A ledger that answers `outcome` after 30 ms, and what is counted of it. */
const observed = (outcome: Appended | Error) => {
  const clock = testClock();
  const metrics = new Metrics();
  const seen: Append[] = [];
  const ledger = observedLedger(
    {
      append: (append) => {
        seen.push(append);
        clock.advance(30);
        return 'status' in outcome ? Promise.resolve(outcome) : Promise.reject(outcome);
      },
    },
    metrics,
    clock,
  );
  const lines = async () => {
    const text = await aggregateMetrics([await metrics.serialise()]);
    return text
      .split('\n')
      .filter((line) => /^mayfly_(credentials_issued_total|ledger_append_seconds_(sum|count))/.test(line));
  };
  return { ledger, seen, lines };
};

const ISSUED = [
  issuedFixture(),
  issuedFixture({ credential: 'jwt-svid' }),
  issuedFixture({ credential: 'jwt-svid' }),
  deniedFixture(),
];

describe('the ledger that is watched', () => {
  test('hands over what it is given and gives back the answer, untouched', async () => {
    const { ledger, seen } = observed(COMMITTED);
    const append = { facts: ISSUED, denial: deniedFixture() };
    expect(await ledger.append(append)).toBe(COMMITTED);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toBe(append);
  });

  test('counts each credential that was committed by its kind, and the time in seconds', async () => {
    const { ledger, lines } = observed(COMMITTED);
    await ledger.append({ facts: ISSUED });
    expect(await lines()).toEqual([
      'mayfly_credentials_issued_total{credential="x509-svid"} 1',
      'mayfly_credentials_issued_total{credential="jwt-svid"} 2',
      'mayfly_ledger_append_seconds_sum 0.03',
      'mayfly_ledger_append_seconds_count 1',
    ]);
  });

  test.each<[string, Appended]>([
    ['has to be decided again', { status: 'changed', what: 'entry' }],
    ['was refused', { status: 'refused', code: 'revoked', reason: 'test' }],
  ])('counts no credential that %s, but its time', async (_, outcome) => {
    const { ledger, lines } = observed(outcome);
    expect(await ledger.append({ facts: ISSUED })).toBe(outcome);
    expect(await lines()).toEqual(['mayfly_ledger_append_seconds_sum 0.03', 'mayfly_ledger_append_seconds_count 1']);
  });

  test('counts nothing as issued that is a denial', async () => {
    const { ledger, lines } = observed(COMMITTED);
    await ledger.append({ facts: [deniedFixture()] });
    expect((await lines()).some((line) => line.startsWith('mayfly_credentials'))).toBe(false);
  });

  test('counts nothing, and passes the error on, when the outcome is not known', async () => {
    const error = new Refusal('busy', 'too many wait');
    const { ledger, lines } = observed(error);
    await expect(ledger.append({ facts: ISSUED })).rejects.toBe(error);
    expect(await lines()).toEqual(['mayfly_ledger_append_seconds_sum 0', 'mayfly_ledger_append_seconds_count 0']);
  });
});
