import { jest } from '@jest/globals';
import type { Cursor } from '../../src/domain/cursor.ts';
import type { Attested } from '../../src/domain/fact.ts';
import { unixSeconds } from '../../src/domain/instant.ts';
import type { RevocationTarget } from '../../src/domain/revocation.ts';
import { serverId, type SpiffeId } from '../../src/domain/spiffe-id.ts';
import { readSyncLine } from '../../src/adapters/http-client/sync-lines.ts';
import type { AgentScope } from '../../src/usecases/agent-scope.ts';
import { FeedWriter } from '../../src/usecases/feed-writer.ts';
import { type CallerWorld, openCallerWorld } from '../support/callers.ts';
import { entryFixture, newId } from '../support/facts.ts';
import { TRUST_DOMAIN } from '../support/x509.ts';

const id = (path: string): SpiffeId => `spiffe://example.org/${path}` as SpiffeId;

const AGENT = id('mayfly/agent/x509pop/one');
const OTHER = id('mayfly/agent/x509pop/other');
const GROUP = id('group');
const SELECTOR = 'x509pop:subject:one';

let world: CallerWorld;
let writer: FeedWriter;
let scope: AgentScope;

const attestedNow = (): Attested => ({
  kind: 'attested',
  id: newId(world.clock.now()),
  attestor: 'x509pop',
  role: 'agent',
  spiffeId: AGENT,
  selectors: [SELECTOR],
  evidence: '22'.repeat(32),
  spki: '11'.repeat(32),
  renewUntil: unixSeconds(world.clock.now()) + 86_400,
  leans: { policy: 1 },
  spends: [],
});

beforeEach(async () => {
  world = await openCallerWorld();
  const entry = (name: string, spiffeId: SpiffeId, parentId: SpiffeId, selectors = ['unix:uid:1']) =>
    ({
      kind: 'entry-created',
      entry: entryFixture({ id: name, spiffeId, parentId, selectors }),
      by: 'test',
      leans: { policy: 1 },
    }) as const;
  const attested = attestedNow();
  await world.ledger.append({
    facts: [
      attested,
      entry('group', GROUP, serverId(TRUST_DOMAIN), [SELECTOR]),
      entry('mine', id('apps/mine'), AGENT),
      entry('shared', id('shared'), GROUP),
      entry('theirs', id('others/theirs'), OTHER),
    ],
  });
  await world.issue({ spiffeId: AGENT, recorded: { role: 'agent', spiffeId: AGENT, attestation: attested.id } });
  world.follower.refresh();
  const [row] = world.views.credentials.list({ spiffeId: AGENT }, { limit: 1 });
  if (row === undefined) throw new Error('the SVID of the agent is not on record');
  writer = new FeedWriter(world.issuer);
  scope = { agent: AGENT, row, groups: writer.groups(row) };
});

afterEach(() => world.close());

const place = (): Cursor => {
  writer.advance();
  return writer.place();
};

const revoke = (kind: RevocationTarget['kind'], value: string) => world.revoke({ kind, value }, ['cutoff', 'block']);

/** What is told since a place, in parts. */
const told = (after: Cursor) =>
  [...(writer.delta(scope, after)?.parts ?? [])].map((lines) => lines.map((line) => readSyncLine(line)));

const revocationsIn = (parts: ReturnType<typeof told>): readonly string[] =>
  parts
    .flat()
    .flatMap((message) => (message?.type === 'revocations' ? message.revocations.map((each) => each.id) : []));

describe('who comes again is told of revocations', () => {
  test('that touch the agent, its entries and those of its groups, of all prefixes, and of no other', async () => {
    expect(scope.groups).toEqual([GROUP]);
    const after = place();
    const mine = [
      await revoke('identity', id('apps/mine')),
      await revoke('entry', 'mine'),
      await revoke('prefix', id('apps')),
      await revoke('prefix', id('others')),
      await revoke('identity', id('shared')),
      await revoke('entry', 'shared'),
      await revoke('prefix', 'spiffe://example.org/mayfly'),
      await revoke('credential', scope.row.id),
    ];
    for (const [kind, value] of [
      ['identity', id('others/theirs')],
      ['entry', 'theirs'],
      ['entry', 'nothing'],
      ['agent', OTHER],
    ] as const) {
      await revoke(kind, value);
    }
    expect(revocationsIn(told(after)).toSorted()).toEqual(mine.toSorted());
  });

  test('without all entries being read for it', async () => {
    const after = place();
    await revoke('identity', id('apps/mine'));
    await revoke('prefix', id('apps'));
    await revoke('entry', 'theirs');
    const under = jest.spyOn(world.views.entries, 'under');
    expect(revocationsIn(told(after))).toHaveLength(2);
    expect(under).not.toHaveBeenCalled();
  });

  test('at once while they are few, and in parts when they are many', async () => {
    const start = place();
    const few = await Promise.all(Array.from({ length: 10 }, () => revoke('entry', 'mine')));
    expect(told(start)).toHaveLength(1);
    const many = await Promise.all(Array.from({ length: 25 }, () => revoke('entry', 'mine')));
    const parts = told(start);
    expect(parts).toHaveLength(4);
    expect(revocationsIn(parts).toSorted()).toEqual([...few, ...many].toSorted());
    expect(parts.flat().filter((message) => message?.type === 'cursor')).toHaveLength(1);
    expect(parts.at(-1)?.at(-1)?.type).toBe('cursor');
  });
});
