import type { Denied, DenialsAggregated } from '../../src/domain/fact.ts';
import type { Instant } from '../../src/domain/instant.ts';
import { recordId } from '../../src/domain/record-id.ts';
import { Refusal } from '../../src/domain/refusal.ts';
import { DenialLimit } from '../../src/usecases/denial-limit.ts';
import { flushDenials, recordDenial, withDecision } from '../../src/usecases/record-denial.ts';
import { openTestLedger, testEntropy, type TestLedger } from '../support/ledger.ts';

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

const many = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));

const membersOf = (refusal: Refusal) => Object.fromEntries(Object.entries(refusal));

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

  test('tell operations and reasons apart, and say when the first and the last came', () => {
    const limit = new DenialLimit();
    admitted(
      limit,
      many(60, () => denial('no')),
    );
    const first = denial('no');
    for (const [at, each] of [first, denial('never'), denial('no'), denial('no', '192.0.2.1', 'attest')].entries()) {
      expect(limit.admit(each, (NOW + at) as Instant)).toBe(false);
    }
    const kind = 'denials-aggregated';
    expect(limit.drain(NOW)).toMatchObject([
      { kind, id: first.id, operation: 'access-token', reason: 'no', count: 2, first: NOW, last: NOW + 2 },
      { kind, operation: 'access-token', reason: 'never', count: 1, first: NOW + 1, last: NOW + 1 },
      { kind, operation: 'attest', reason: 'no', count: 1 },
    ]);
  });

  test('begin again a minute after the first, and not with the next drain', () => {
    const limit = new DenialLimit();
    admitted(
      limit,
      many(61, () => denial('no')),
    );
    limit.drain(NOW);
    expect(limit.admit(denial('no'), (NOW + 59_999) as Instant)).toBe(false);
    expect(limit.admit(denial('no'), (NOW + 60_000) as Instant)).toBe(true);
    expect(limit.drain((NOW + 60_000) as Instant)).toMatchObject([{ count: 1, first: NOW + 59_999 }]);
  });

  // DEC-9
  test('begin again when the clock was set back, and not when it has caught up', () => {
    const limit = new DenialLimit();
    admitted(
      limit,
      many(60, () => denial('no')),
    );
    expect(limit.admit(denial('no'), (NOW - 59_999) as Instant)).toBe(false);
    expect(limit.admit(denial('no'), (NOW - 3_600_000) as Instant)).toBe(true);
  });

  test.each([
    ['an IPv4 address in IPv6 form', '192.0.2.1', '::ffff:192.0.2.1'],
    ['two ways to write one network', '2001:db8:0:2::1', '2001:db8::2:0:0:0:9'],
    ['an interface behind the address', 'fe80::1', 'fe80::2%eth0'],
  ])('are of one source: %s', (_, one, other) => {
    const limit = new DenialLimit();
    admitted(
      limit,
      many(60, () => denial('no', one)),
    );
    expect(limit.admit(denial('no', other), NOW)).toBe(false);
  });

  test('that name no source have one together', () => {
    const limit = new DenialLimit();
    const { source: _source, ...sourceless } = denial('no');
    const own = admitted(
      limit,
      many(61, () => sourceless),
    );
    expect(own).toBe(60);
    expect(limit.drain(NOW)).toMatchObject([{ source: 'unknown', count: 1 }]);
  });

  test('take bounded memory: beyond 10,000 sources all others share one rate', () => {
    const limit = new DenialLimit();
    const flood = many(11_000, (at) => ({ ...denial('no'), source: `10.0.${at >> 8}.${at & 255}` }));
    expect(admitted(limit, flood)).toBe(10_000 + 60);
    // Those that are known keep a rate of their own.
    expect(limit.admit(denial('no', '10.0.0.0'), NOW)).toBe(true);
    expect(limit.drain(NOW)).toMatchObject([{ source: 'many sources', count: 940 }]);
    // Within the minute nobody is forgotten; after it everybody quiet is.
    expect(limit.admit(denial('no', '198.51.100.1'), NOW)).toBe(false);
    limit.drain((NOW + 60_000) as Instant);
    expect(admitted(limit, flood)).toBe(10_000 + 60);
  });
});

describe('a refusal on record', () => {
  let world: TestLedger;
  const recorder = () => ({ ...world, denials: new DenialLimit() });
  const subject = { operation: 'attest', source: '192.0.2.1' };
  const size = () => world.views.log.head().size;
  const newest = () => world.views.log.at(size() - 1)?.fact;

  beforeAll(async () => {
    world = await openTestLedger();
  });

  afterAll(() => world.close());

  // P1
  test('is durable before it is answered, and names its decision', async () => {
    const refusal = new Refusal('forbidden', 'told', { reason: 'known' });
    const answer = await recordDenial(recorder(), subject, refusal);
    const { decisionId: id } = answer;
    expect(answer).toMatchObject({ code: 'forbidden', message: 'told', reason: 'known' });
    expect(newest()).toEqual({ ...subject, kind: 'denied', id, code: 'forbidden', reason: 'known' });
  });

  test('has what the caller was told for a reason when there is no other', async () => {
    await recordDenial(recorder(), subject, new Refusal('forbidden', 'told'));
    expect(newest()).toMatchObject({ reason: 'told' });
  });

  // DEC-5
  test('above the rate leaves the log alone until it is flushed, and names no decision', async () => {
    const issuer = recorder();
    const refusal = new Refusal('forbidden', 'told');
    await Promise.all(Array.from({ length: 60 }, () => recordDenial(issuer, subject, refusal)));
    const before = size();
    const answers = await Promise.all(Array.from({ length: 40 }, () => recordDenial(issuer, subject, refusal)));
    expect(answers.every((answer) => answer === refusal)).toBe(true);
    expect(size()).toBe(before);
    await flushDenials(issuer);
    expect(size()).toBe(before + 1);
    expect(newest()).toMatchObject({ kind: 'denials-aggregated', operation: 'attest', reason: 'told', count: 40 });
    await flushDenials(issuer);
    expect(size()).toBe(before + 1);
  });

  // P1
  test('above the rate is not lost when it cannot be written, and is one with what comes later', async () => {
    const issuer = recorder();
    const refusal = new Refusal('forbidden', 'told');
    const ask = (times: number) =>
      Promise.all(Array.from({ length: times }, () => recordDenial(issuer, subject, refusal)));
    await ask(100);
    await recordDenial(issuer, { ...subject, operation: 'other' }, refusal);
    const before = size();
    const full = { ...issuer, ledger: { append: () => Promise.reject(new Refusal('busy', 'full')) } };
    await expect(flushDenials(full)).rejects.toMatchObject({ code: 'busy' });
    await ask(2);
    await expect(flushDenials(full)).rejects.toMatchObject({ code: 'busy' });
    expect(size()).toBe(before);
    await flushDenials(issuer);
    const recorded = [before, before + 1].map((index) => world.views.log.at(index)?.fact);
    expect(recorded).toMatchObject([
      { operation: 'attest', reason: 'told', count: 42 },
      { operation: 'other', reason: 'told', count: 1 },
    ]);
    await flushDenials(issuer);
    expect(size()).toBe(before + 2);
  });

  test('put back keeps its bound, its first and its last', () => {
    const limit = new DenialLimit();
    admitted(
      limit,
      many(60, () => denial('no')),
    );
    const fact = (at: number): DenialsAggregated => ({
      kind: 'denials-aggregated',
      id: denial('no').id,
      operation: 'attest',
      reason: `reason ${at}`,
      count: 2,
      first: NOW + at,
      last: NOW + 100 + at,
      source: '192.0.2.1',
    });
    limit.putBack(many(40, fact), NOW);
    const drained = limit.drain(NOW);
    expect(drained).toHaveLength(17);
    expect(drained.reduce((sum, { count }) => sum + count, 0)).toBe(80);
    expect(drained.at(-1)).toMatchObject({ reason: 'several reasons', count: 48, first: NOW + 16, last: NOW + 139 });
    expect(limit.drain(NOW)).toEqual([]);
  });

  test('is not answered as recorded when the ledger takes no writes', async () => {
    const ledger = { append: () => Promise.reject(new Refusal('read_only', 'no writes')) };
    const recording = recordDenial({ ...recorder(), ledger }, subject, new Refusal('forbidden', 'told'));
    await expect(recording).rejects.toMatchObject({ code: 'read_only' });
  });

  test('keeps all that it said, and gains nothing but the decision', () => {
    const { id } = denial('no');
    const problems = [{ field: 'hint', problem: 'is empty' }];
    const full = new Refusal('rate_limited', 'told', { reason: 'known', retryAfter: 3, field: 'hint', problems });
    expect(membersOf(withDecision(full, id))).toEqual({ ...membersOf(full), decisionId: id });
    expect(withDecision(full, id).message).toBe('told');
    const bare = new Refusal('forbidden', 'told');
    expect(membersOf(withDecision(bare, id))).toEqual({ ...membersOf(bare), decisionId: id });
    expect(bare.decisionId).toBeUndefined();
  });
});
