import type { Metrics } from '../adapters/http/metrics.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ledger } from '../ports/ledger.ts';

/** The ledger, with the time of each append and the kinds that were issued counted. */
export const observedLedger = (ledger: Ledger, metrics: Metrics, clock: Pick<Clock, 'monotonic'>): Ledger => ({
  append: async (append) => {
    const start = clock.monotonic();
    const appended = await ledger.append(append);
    metrics.appended(clock.monotonic() - start);
    if (appended.status === 'committed') {
      for (const fact of append.facts) if (fact.kind === 'issued') metrics.issued(fact.credential);
    }
    return appended;
  },
});
