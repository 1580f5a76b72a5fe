import type { Issued } from '../../src/domain/fact.ts';
import type { RecordId } from '../../src/domain/record-id.ts';
import type { Predicate, RevocationTarget } from '../../src/domain/revocation.ts';
import { Follower } from '../../src/ledger/follow.ts';
import { checkRelease } from '../../src/usecases/check-release.ts';
import { AGENT, FOUNDATION, issuedFixture, newId, WEB } from '../support/facts.ts';
import { openTestLedger, type TestLedger } from '../support/ledger.ts';

let world: TestLedger;

const append = async (facts: Parameters<TestLedger['ledger']['append']>[0]['facts']): Promise<number> => {
  const appended = await world.ledger.append({ facts });
  if (appended.status !== 'committed') throw new Error(JSON.stringify(appended));
  return appended.index;
};

beforeAll(async () => {
  world = await openTestLedger();
  await append(FOUNDATION);
});

afterAll(() => world.close());

/** An intent on record, and a front end that knows of nothing that comes after it. */
const intended = async () => {
  const issued = issuedFixture();
  const index = await append([issued]);
  const follower = new Follower(world.views);
  return { issued, index, follower, release: () => checkRelease({ follower }, issued, index) };
};

const revoke = async (target: RevocationTarget, ...predicates: readonly Predicate[]): Promise<RecordId> => {
  const id = newId();
  await append([{ kind: 'revoked', id, target, predicates, reason: 'test', by: 'test' }]);
  return id;
};

const lift = async (id: RecordId): Promise<void> => {
  await append([{ kind: 'revocation-released', id, by: 'test' }]);
};

const targets = (issued: Issued): readonly RevocationTarget[] => [
  { kind: 'identity', value: WEB },
  { kind: 'prefix', value: 'spiffe://example.org' },
  { kind: 'agent', value: AGENT },
  { kind: 'entry', value: 'entry-1' },
  { kind: 'credential', value: issued.id },
];

// DEC-4, P2
describe('the last look before bytes leave', () => {
  test.each(['hold', 'block'] as const)('keeps in what a %s between intent and signature hits', async (predicate) => {
    const { issued, follower, release } = await intended();
    for (const target of targets(issued)) {
      expect(release).not.toThrow();
      const known = follower.cursor;
      const id = await revoke(target, predicate);
      // Nobody else refreshes: the look does.
      expect(follower.cursor).toBe(known);
      expect(release).toThrow(
        expect.objectContaining({
          code: 'revoked',
          message: 'the identity was revoked',
          reason: `revocation ${id} came before release`,
          decisionId: issued.id,
        }) as Error,
      );
      await lift(id);
    }
    expect(release).not.toThrow();
  });

  test('keeps in what a cutoff came after, and lets out what was decided after the cutoff', async () => {
    const before = await intended();
    await revoke({ kind: 'identity', value: WEB }, 'cutoff');
    expect(before.release).toThrow(expect.objectContaining({ code: 'revoked' }) as Error);
    const after = await intended();
    expect(after.release).not.toThrow();
    expect(before.release).toThrow(expect.objectContaining({ code: 'revoked' }) as Error);
  });

  test('lets out what a revocation of another, or a lock on renewal, does not hit', async () => {
    const { release } = await intended();
    await revoke({ kind: 'identity', value: `${WEB}2` }, 'cutoff', 'block', 'hold');
    await revoke({ kind: 'prefix', value: `${WEB}/a` }, 'hold');
    await revoke({ kind: 'credential', value: newId() }, 'cutoff');
    await revoke({ kind: 'identity', value: WEB }, 'lock');
    expect(release).not.toThrow();
  });
});
