import { unixSeconds } from '../../src/domain/instant.ts';
import type { RecordId } from '../../src/domain/record-id.ts';
import type { Predicate, RevocationTarget } from '../../src/domain/revocation.ts';
import { Follower } from '../../src/ledger/follow.ts';
import { AgentRevocations } from '../../src/usecases/agent-revocations.ts';
import { forgetPurged } from '../../src/usecases/forget-purged.ts';
import { AGENT, FOUNDATION, issuedFixture, newId, WEB } from '../support/facts.ts';
import { openTestLedger, type TestLedger } from '../support/ledger.ts';

const DAY = 86_400_000;

let world: TestLedger;
let follower: Follower;

beforeEach(async () => {
  world = await openTestLedger();
  await world.ledger.append({ facts: FOUNDATION });
  follower = new Follower(world.views);
});

afterEach(() => world.close());

const forget = (): Promise<void> => forgetPurged({ views: world.views, follower }, () => Promise.resolve());

const revoke = async (target: RevocationTarget, predicates: readonly Predicate[]): Promise<RecordId> => {
  const id = newId();
  const answer = await world.ledger.append({
    facts: [{ kind: 'revoked', id, target, predicates, reason: 'test', by: 'test' }],
  });
  expect(answer).toMatchObject({ status: 'committed' });
  return id;
};

/** A credential that came through the agent and ends in so many days, revoked. */
const revoked = async (days: number): Promise<RecordId> => {
  const issued = issuedFixture({ notAfter: unixSeconds(world.clock.now()) + days * 86_400 });
  await world.ledger.append({ facts: [issued] });
  return revoke({ kind: 'credential', value: issued.id }, ['cutoff']);
};

test('a front end forgets revocations with their rows, and no other', async () => {
  const short = await revoked(1);
  const long = await revoked(30);
  const banned = await revoke({ kind: 'identity', value: WEB }, ['cutoff', 'block']);
  follower.refresh();
  const agents = new AgentRevocations({ views: world.views, follower });
  const known = (): readonly RecordId[] => follower.revocations.all().map(({ id }) => id);
  const told = (): readonly RecordId[] => agents.of(AGENT, []).map(({ id }) => id);
  expect([known(), told()]).toEqual([
    [short, long, banned],
    [short, long],
  ]);
  expect(agents.remembered).toBe(2);

  world.clock.advance(9 * DAY);
  await forget();
  expect(known()).toEqual([short, long, banned]);
  expect(await world.open.purge()).toMatchObject({ revocations: 1 });
  const changes: unknown[] = [];
  follower.on('revocations', (each) => changes.push(...each));
  await forget();
  expect(agents.remembered).toBe(1);
  expect([known(), told()]).toEqual([[long, banned], [long]]);

  world.clock.advance(500 * DAY);
  expect(await world.open.purge()).toMatchObject({ revocations: 1 });
  await forget();
  expect(agents.remembered).toBe(0);
  expect([known(), told()]).toEqual([[banned], []]);
  expect(changes).toEqual([]);
});

test('what nobody has asked for yet is forgotten, too', async () => {
  const agents = new AgentRevocations({ views: world.views, follower });
  // From the first question on they are collected.
  await revoked(30);
  follower.refresh();
  expect(agents.of(AGENT, [])).toHaveLength(1);
  await revoked(1);
  follower.refresh();
  expect(agents.remembered).toBe(2);
  world.clock.advance(9 * DAY);
  await world.open.purge();
  await forget();
  expect(agents.remembered).toBe(1);
});
