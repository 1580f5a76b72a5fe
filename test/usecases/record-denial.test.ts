import type { Denied } from '../../src/domain/fact.ts';
import type { Instant } from '../../src/domain/instant.ts';
import { recordId } from '../../src/domain/record-id.ts';
import { DenialLimit } from '../../src/usecases/record-denial.ts';
import { testEntropy } from '../support/ledger.ts';

const NOW = 1_795_000_000_000 as Instant;

const denial = (reason: string, source = '192.0.2.1', operation = 'access-token'): Denied => ({
  kind: 'denied',
  id: recordId(NOW, testEntropy.bytes(10)),
  operation,
  code: 'invalid_scope',
  reason,
  source,
});

/** How many of these got a fact of their own. */
const admitted = (limit: DenialLimit, denials: readonly Denied[]): number =>
  denials.filter((each) => limit.admit(each, NOW)).length;

const many = (count: number, make: (at: number) => Denied): Denied[] =>
  Array.from({ length: count }, (_, at) => make(at));

// DEC-5
describe('denials above the rate of a source', () => {
  test('are counted together', () => {
    const limit = new DenialLimit();
    expect(
      admitted(
        limit,
        many(100, () => denial('no')),
      ),
    ).toBe(60);
    expect(limit.drain(NOW)).toMatchObject([
      { kind: 'denials-aggregated', reason: 'no', count: 40, source: '192.0.2.1' },
    ]);
    expect(limit.drain(NOW)).toEqual([]);
  });

  test('make a bounded number of facts, whatever reasons their sender makes up', () => {
    const limit = new DenialLimit();
    admitted(
      limit,
      many(5000, (at) => denial(`not granted: s${at}`)),
    );
    const facts = limit.drain(NOW);
    expect(facts.length).toBeLessThan(20);
    expect(facts.reduce((sum, { count }) => sum + count, 0)).toBe(5000 - 60);
    expect(facts.at(-1)).toMatchObject({ reason: 'invalid_scope, for several reasons' });
  });

  test('are those of a whole IPv6 network, since one host has all of it', () => {
    const limit = new DenialLimit();
    const own = admitted(
      limit,
      many(500, (at) => denial('no', `2001:db8:1:2::${at.toString(16)}`)),
    );
    expect(own).toBe(60);
    expect(limit.admit(denial('no', '2001:db8:1:3::1'), NOW)).toBe(true);
  });
});
