import * as fc from 'fast-check';
import { Refusal } from '../../src/domain/refusal.ts';
import { hits, type Predicate, type RevocationTarget } from '../../src/domain/revocation.ts';
import type { ViewPart } from '../../src/agent/synced-view.ts';
import type { SyncEntry, SyncRevocation } from '../../src/formats/sync-message.ts';
import { agentForEachTest, freshId } from '../support/agent-holdings.ts';
import type { AgentWorld } from '../support/agent-world.ts';
import { eventually, manualTime } from '../support/manual-time.ts';
import { newSvidAgent, type SvidAgent } from '../support/svid-agent.ts';

/** Whatever operators do, and however often the server is away: what an agent shows is good by all that it was told. */

let world: AgentWorld;
agentForEachTest((given) => {
  world = given;
});

interface Told {
  readonly entries: readonly SyncEntry[];
  readonly revocations: readonly SyncRevocation[];
}

const toldBy = (parts: readonly ViewPart[]): Told => ({
  entries: parts.flatMap((part) => (part.type === 'entries' ? part.entries : [])),
  revocations: parts.flatMap((part) => (part.type === 'revocations' ? part.revocations : [])),
});

/** Looks at each revocation for itself. */
const checkAll = (agent: SvidAgent, { entries, revocations }: Told, now: number): void => {
  for (const held of agent.svids.all()) {
    const entry = entries.find(({ id }) => id === held.entryId);
    expect(entry?.spiffeId).toBe(held.spiffeId);
    expect(held.notAfter * 1000).toBeGreaterThan(now);
    const { spiffeId, entryId, credential } = held;
    const deadly = revocations.filter(
      ({ target, predicates, index }) =>
        hits(target, { spiffeId, entry: entryId, credential, agent: held.agent }) &&
        (predicates.includes('hold') || (predicates.includes('cutoff') && held.ledger.index < index)),
    );
    expect(deadly).toEqual([]);
  }
};

const isBarred = ({ id, spiffeId }: SyncEntry, { revocations }: Told): boolean =>
  revocations.some(
    ({ target, predicates }) =>
      hits(target, { spiffeId: spiffeId as never, entry: id }) &&
      (predicates.includes('block') || predicates.includes('hold')),
  );

const which = fc.nat(5);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('add' as const), ttl: fc.constantFrom(300, 900, 3600) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('change' as const), which }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('revoke' as const),
      which,
      by: fc.constantFrom('entry', 'identity', 'credential'),
      how: fc.constantFrom<readonly Predicate[]>(['cutoff'], ['cutoff', 'block'], ['hold']),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), which }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('sync' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), seconds: fc.constantFrom(1, 60, 200, 1000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('outage' as const), isOn: fc.boolean() }) },
);

test('no SVID is shown that is dead, and in the end every entry that gives one has one', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      const time = manualTime(world.it.ledger.clock);
      const agent = newSvidAgent(world, time);
      const ids: string[] = [];
      const releasable: string[] = [];
      let told: Told = { entries: [], revocations: [] };
      world.outage = undefined;
      const sync = (): void => {
        told = toldBy(world.state().parts);
        agent.sync();
      };
      const views = world.it.ledger.views;
      for (const one of steps) {
        const id = 'which' in one ? ids[one.which % Math.max(1, ids.length)] : undefined;
        const entry = id === undefined ? undefined : views.entries.get(id);
        if (one.do === 'add') {
          const made = freshId();
          await world.entry(made, { x509Ttl: one.ttl });
          ids.push(made);
        } else if (one.do === 'sync') sync();
        else if (one.do === 'pass') time.pass(one.seconds * 1000);
        else if (one.do === 'outage') world.outage = one.isOn ? new Refusal('unavailable', 'no server') : undefined;
        else if (one.do === 'remove' && entry) await world.remove(entry.id);
        else if (one.do === 'change' && entry) {
          await world.entry(entry.id, { ...entry, revision: entry.revision + 1, x509Ttl: 600 + entry.revision });
        } else if (one.do === 'revoke' && entry) {
          const serial = agent.svids.get(entry.id)?.credential;
          const target: RevocationTarget =
            one.by === 'credential' && serial !== undefined
              ? { kind: 'credential', value: serial }
              : one.by === 'identity'
                ? { kind: 'identity', value: entry.spiffeId }
                : { kind: 'entry', value: entry.id };
          await world.revoke(target, ...one.how);
          releasable.push(world.it.facts('revoked').at(-1)?.id ?? '');
        } else if (one.do === 'release' && releasable.length > 0) {
          const released = releasable[one.which % releasable.length] as never;
          await world.it.ledger.ledger.append({
            facts: [{ kind: 'revocation-released', id: released, by: 'test' }],
          });
        }
        await new Promise((go) => setImmediate(go));
        checkAll(agent, told, time.clock.now());
      }
      world.outage = undefined;
      sync();
      const wanted = told.entries.filter((entry) => !isBarred(entry, told)).map(({ id }) => id);
      for (let round = 0; round < 10 && !wanted.every((id) => agent.svids.get(id)); round += 1) {
        await eventually(() => wanted.every((id) => agent.svids.get(id)), 20_000).catch(() => time.pass(30_000));
        checkAll(agent, told, time.clock.now());
      }
      expect(wanted.filter((id) => !agent.svids.get(id))).toEqual([]);
      agent.svids.stop();
      for (const { id } of views.entries.under(world.agent)) await world.remove(id);
    }),
    { numRuns: 12 },
  );
});
