import type { RecordId } from '../../src/domain/record-id.ts';
import { Follower } from '../../src/ledger/follow.ts';
import { AgentRevocations } from '../../src/usecases/agent-revocations.ts';
import { AGENT, FOUNDATION, issuedFixture, newId } from '../support/facts.ts';
import { openTestLedger, type TestLedger } from '../support/ledger.ts';

let world: TestLedger;
let follower: Follower;
let revocations: AgentRevocations;
/** What the disk says instead of a credential's row. */
let broken: Error | undefined;

beforeEach(async () => {
  broken = undefined;
  world = await openTestLedger();
  await world.ledger.append({ facts: FOUNDATION });
  follower = new Follower(world.views);
  const { credentials } = world.views;
  const get: typeof credentials.get = (id) => {
    if (broken !== undefined) throw broken;
    return credentials.get(id);
  };
  revocations = new AgentRevocations({ views: { ...world.views, credentials: { ...credentials, get } }, follower });
});

afterEach(() => world.close());

/** Revokes a credential that came through the agent. */
const revokeOne = async (): Promise<RecordId> => {
  const issued = issuedFixture();
  const id = newId();
  const target = { kind: 'credential', value: issued.id } as const;
  await world.ledger.append({ facts: [issued] });
  const answer = await world.ledger.append({
    facts: [{ kind: 'revoked', id, target, predicates: ['cutoff'], reason: 'test', by: 'test' }],
  });
  expect(answer).toMatchObject({ status: 'committed' });
  follower.refresh();
  return id;
};

const told = (): readonly RecordId[] => revocations.of(AGENT, []).map(({ id }) => id);

test('an agent is told of revoked credentials that came through it', async () => {
  const first = await revokeOne();
  expect(told()).toEqual([first]);
  const second = await revokeOne();
  expect(told()).toEqual([first, second]);
  expect(revocations.of(`${AGENT}/other` as typeof AGENT, [])).toEqual([]);
});

// P2
test('whom one concerns that could not be looked up is looked up again', async () => {
  const first = await revokeOne();
  expect(told()).toEqual([first]);
  broken = new Error('disk I/O error');
  const second = await revokeOne();
  expect(told).toThrow('disk I/O error');
  broken = undefined;
  expect(told()).toEqual([first, second]);
});
