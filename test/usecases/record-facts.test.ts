import type { KeyId } from '../../src/domain/authority.ts';
import type { Fact } from '../../src/domain/fact.ts';
import { record } from '../../src/usecases/admin-write.ts';
import { recordFacts } from '../../src/usecases/authority-keeper.ts';
import { recordOr } from '../../src/usecases/record-facts.ts';
import { authorityFixture, CA, FOUNDATION } from '../support/facts.ts';
import { openTestLedger, type TestLedger } from '../support/ledger.ts';
import { codeOf, refusalOf } from '../support/refusals.ts';

const NEXT = 'ca-2' as KeyId;

const activation = (id: KeyId, replaces?: KeyId): Fact => ({
  kind: 'authority-activated',
  id,
  purpose: 'x509-issuing',
  ...(replaces !== undefined && { replaces }),
  by: 'test',
});
/** Decided upon when nobody was active. */
const LATE = [activation(NEXT)];

let world: TestLedger;
beforeAll(async () => {
  world = await openTestLedger();
  const authority = authorityFixture({ id: NEXT, generation: 2 });
  await world.ledger.append({ facts: [...FOUNDATION, { kind: 'authority-prepared', authority, by: 'test' }] });
});
afterAll(() => world.close());

const size = (): number => world.views.log.head().size;

test('a record that changed meanwhile is refused with the code that its writer chose, and nothing is recorded', async () => {
  const before = size();
  const refusal = await refusalOf(recordOr('unavailable', world, LATE));
  expect([refusal.code, refusal.message]).toEqual(['unavailable', 'the authority was changed by someone else']);
  expect(await codeOf(record(world, LATE))).toBe('precondition_failed');
  expect(await codeOf(recordFacts(world, LATE))).toBe('conflict');
  expect(size()).toBe(before);
});

test('what the ledger refuses is refused with its code and reason, all of it', async () => {
  const before = size();
  const facts = [activation(NEXT, CA), activation(CA)];
  const appended = await world.ledger.append({ facts });
  if (appended.status !== 'refused') throw new Error(appended.status);
  const refusal = await refusalOf(recordOr('unavailable', world, facts));
  expect([refusal.code, refusal.reason]).toEqual([appended.code, appended.reason]);
  expect(size()).toBe(before);
});

test('what is recorded is told with its place', async () => {
  const before = size();
  expect(await recordOr('conflict', world, [activation(NEXT, CA)])).toMatchObject({ epoch: 1, index: before });
  expect(size()).toBe(before + 1);
});
