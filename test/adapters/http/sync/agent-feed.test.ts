import { AgentFeed } from '../../../../src/adapters/http/sync/agent-feed.ts';
import type { FeedListener } from '../../../../src/adapters/http/sync/feed-listener.ts';
import type { Attested } from '../../../../src/domain/fact.ts';
import { unixSeconds } from '../../../../src/domain/instant.ts';
import type { SpiffeId } from '../../../../src/domain/spiffe-id.ts';
import { Follower } from '../../../../src/ledger/follow.ts';
import type { Issuer } from '../../../../src/usecases/issuer.ts';
import { runAuthorityOperation } from '../../../../src/usecases/manage-authorities.ts';
import { FORCED } from '../../../support/authorities.ts';
import { type CallerWorld, openCallerWorld } from '../../../support/callers.ts';
import { entryFixture, newId, WEB } from '../../../support/facts.ts';
import { serveFeed } from '../../../support/feed-server.ts';
import { silentLogger } from '../../../support/silent-logger.ts';
import { eventually, type ManualTime, manualTime } from '../../../support/manual-time.ts';
import { SyncClient } from '../../../support/sync-client.ts';

const AGENT = 'spiffe://example.org/mayfly/agent/x509pop/one' as SpiffeId;

const nobody: FeedListener = {
  changed: () => undefined,
  denied: () => undefined,
  open: () => undefined,
  dropped: () => undefined,
};

let world: CallerWorld;
let server: Awaited<ReturnType<typeof serveFeed>>;
let feed: AgentFeed;
/** What happens once a caller was found good, before it is let in. */
let meanwhile: () => Promise<void>;
let api: string;
/** Whether the server proves itself anew. */
let moved: () => Promise<void>;
/** What the disk says in place of a later page of entries. */
let broken: Error | undefined;
/** What it says in place of changes. */
let unreadable: Error | undefined;
let follower: Follower;
/** Says that the change feed has grown. */
let grown: () => void;
/** Of the feed. */
let time: ManualTime;

beforeEach(async () => {
  world = await openCallerWorld();
  meanwhile = () => Promise.resolve();
  moved = () => Promise.resolve();
  time = manualTime(world.clock);
  broken = undefined;
  unreadable = undefined;
  const { entries } = world.issuer.views;
  const parentsOf: typeof entries.parentsOf = function* (spiffeId) {
    yield* entries.parentsOf(spiffeId);
    if (broken !== undefined) throw broken;
  };
  follower = new Follower({
    ...world.views,
    changes: {
      ...world.views.changes,
      after: (...page) => {
        if (unreadable !== undefined) throw unreadable;
        return world.views.changes.after(...page);
      },
    },
  });
  // The feed signs nothing.
  const issuer = {
    ...world.issuer,
    follower,
    views: { ...world.issuer.views, entries: { ...entries, parentsOf } },
  } as Issuer;
  feed = new AgentFeed({
    issuer,
    delays: time.delays,
    logger: silentLogger,
    onChanges: (listener) => {
      grown = listener;
      return () => undefined;
    },
    listener: nobody,
    moved: () => moved(),
    most: 10,
  });
  server = await serveFeed(issuer, feed, () => meanwhile());
  ({ api } = server);
});

afterEach(async () => {
  await feed.close();
  await server.close();
  await world.close();
});

const anAgent = () => world.issue({ spiffeId: AGENT, recorded: { role: 'agent', spiffeId: AGENT } });

const prepareKey = () => {
  const keeper = { ...world.keeper, views: world.views };
  return runAuthorityOperation(keeper, { kind: 'prepare', purpose: 'jwt-svid' }, FORCED);
};

test('an agent that is banned between the check and its place in the feed is told so, whoever was told before', async () => {
  const agent = await anAgent();
  meanwhile = async () => {
    await world.revoke({ kind: 'agent', value: AGENT }, ['cutoff', 'block']);
    // Those who have a place are told now.
    follower.refresh();
  };
  const client = await SyncClient.open(api, agent);
  await client.closed();
  expect(client.heard[0]?.type).toBe('welcome');
  expect(client.all('bye')).toMatchObject([{ reason: 'revoked' }]);
});

test('one that nothing happened to stays', async () => {
  const client = await SyncClient.open(api, await anAgent());
  await client.told();
  expect(client.all('bye')).toEqual([]);
  client.close();
});

test('heartbeats tell how much time has passed since the first line, and a place is followed by one', async () => {
  const client = await SyncClient.open(api, await anAgent());
  await client.told();
  const [welcome] = client.all('welcome');
  const elapsed = () => client.all('heartbeat').map((each) => (each.elapsed ?? 0) - (welcome?.elapsed ?? Infinity));
  time.pass(10_000);
  await client.until('heartbeats', () => elapsed().length === 2);
  expect(elapsed()).toEqual([5000, 10_000]);
  time.pass(50_000);
  await client.until('minute', () => elapsed().length === 12);
  expect(client.heard.slice(-2).map(({ type }) => type)).toEqual(['cursor', 'heartbeat']);
  client.close();
});

test('a large state is told whole before what changed meanwhile', async () => {
  const facts = Array.from({ length: 500 }, (_, at) => {
    const id = `e${String(at).padStart(3, '0')}`;
    const entry = entryFixture({ id, spiffeId: `spiffe://example.org/${id}` as SpiffeId, parentId: AGENT });
    return { kind: 'entry-created', entry, by: 'test', leans: { policy: 1 } } as const;
  });
  const deleted = (id: string) =>
    ({
      kind: 'entry-deleted',
      id,
      spiffeId: `spiffe://example.org/${id}` as SpiffeId,
      by: 'test',
      leans: { policy: 1 },
    }) as const;
  for (let at = 0; at < facts.length; at += 100) await world.ledger.append({ facts: facts.slice(at, at + 100) });
  const agent = await anAgent();
  const changes = async (): Promise<void> => {
    await world.ledger.append({ facts: [deleted('e000')] });
    await world.ledger.append({ facts: [deleted('e499')] });
    follower.refresh();
  };
  const [client] = await Promise.all([SyncClient.open(api, agent), changes()]);
  const end = world.views.log.head().size - 1;
  time.pass(60_000);
  await client.reaches(end);
  expect(client.entries()).toHaveLength(498);
  const types = client.heard.map(({ type }) => type);
  expect(types.slice(0, 7)).toEqual(['welcome', 'reset', ...Array.from({ length: 5 }, () => 'entries')]);
  expect(client.all('reset')).toHaveLength(1);
  client.close();
});

test('who goes on from a place is told what expired meanwhile, and what expires afterwards', async () => {
  const now = unixSeconds(world.clock.now());
  const attested: Attested = {
    kind: 'attested',
    id: newId(world.clock.now()),
    attestor: 'x509pop',
    role: 'agent',
    spiffeId: AGENT,
    selectors: ['x509pop:subject:one'],
    evidence: '22'.repeat(32),
    spki: '11'.repeat(32),
    renewUntil: now + 86_400,
    leans: { policy: 1 },
    spends: [],
  };
  const entries = [
    ['over', now + 10],
    ['soon', now + 100],
    ['late', now + 10_000],
  ] as const;
  const facts = entries.map(([id, expiresAt]) => {
    const entry = entryFixture({ id, spiffeId: `spiffe://example.org/${id}` as SpiffeId, parentId: AGENT, expiresAt });
    return { kind: 'entry-created', entry, by: 'test', leans: { policy: 1 } } as const;
  });
  await world.ledger.append({ facts: [attested, ...facts] });
  const agent = await world.issue({
    spiffeId: AGENT,
    recorded: { role: 'agent', spiffeId: AGENT, attestation: attested.id },
  });
  const first = await SyncClient.open(api, agent);
  await first.told();
  const after = first.cursor;
  first.close();
  world.clock.advance(50_000);
  const second = await SyncClient.open(api, agent, after && { after });
  await second.told();
  expect(second.all('reset')).toEqual([]);
  expect(second.all('entries').flatMap(({ removed }) => removed)).toEqual(['over']);
  time.pass(60_000);
  await second.until('expiry', () => second.all('entries').some(({ removed }) => removed.includes('soon')));
  second.close();
});

test('that authorities changed is told once the server proves itself by those that are left', async () => {
  const client = await SyncClient.open(api, await anAgent());
  await client.told();
  const gate = Promise.withResolvers<void>();
  let waits = 0;
  moved = () => {
    waits += 1;
    return gate.promise;
  };
  await prepareKey();
  follower.refresh();
  await eventually(() => waits === 1);
  expect(client.all('bundle')).toHaveLength(1);
  gate.resolve();
  await client.until('bundle', () => client.all('bundle').length === 2);
  client.close();
});

// P2
test('revocations do not wait for that, and are told in their order once more', async () => {
  const values = ['spiffe://example.org/one', 'spiffe://example.org/two'] as SpiffeId[];
  const entries = values.map((spiffeId) => entryFixture({ id: spiffeId.slice(-3), spiffeId, parentId: AGENT }));
  const created = entries.map((entry) => ({ kind: 'entry-created', entry, by: 'test', leans: { policy: 1 } }) as const);
  await world.ledger.append({ facts: created });
  const client = await SyncClient.open(api, await anAgent());
  await client.told();
  const place = client.cursor;
  const gate = Promise.withResolvers<void>();
  moved = () => gate.promise;
  await prepareKey();
  follower.refresh();
  const told = () =>
    client.all('revocations').flatMap(({ revocations }) => revocations.map(({ target }) => target.value));
  for (const [at, value] of values.entries()) {
    await world.revoke({ kind: 'identity', value }, ['cutoff']);
    follower.refresh();
    await client.until(value, () => told().length === at + 1 && client.heard.at(-1)?.type === 'cursor');
    expect(client.cursor).toEqual(place);
  }
  expect(client.all('bundle')).toHaveLength(1);
  gate.resolve();
  await client.until('bundle', () => client.all('bundle').length === 2 && client.heard.at(-1)?.type === 'cursor');
  expect(told()).toEqual([...values, ...values]);
  expect(client.cursor?.index).toBeGreaterThan(place?.index ?? Infinity);
  client.close();
});

test('an agent that is banned meanwhile is told so at once', async () => {
  const client = await SyncClient.open(api, await anAgent());
  await client.told();
  moved = () => new Promise(() => undefined);
  await prepareKey();
  await world.revoke({ kind: 'agent', value: AGENT }, ['cutoff', 'block']);
  follower.refresh();
  await client.closed();
  expect(client.all('bye')).toMatchObject([{ reason: 'revoked' }]);
});

test('when neither the server proves itself anew nor those are found who are to be told, all come anew', async () => {
  // A turn goes by between it and the disk's error: one that nobody waits for then would end the process.
  const created = {
    kind: 'entry-created',
    entry: entryFixture({ parentId: AGENT }),
    by: 'test',
    leans: { policy: 1 },
  } as const;
  await world.ledger.append({ facts: [created] });
  const client = await SyncClient.open(api, await anAgent());
  await client.told();
  moved = () => Promise.reject(new Error('no identity'));
  broken = new Error('disk I/O error');
  await prepareKey();
  await world.revoke({ kind: 'identity', value: WEB }, ['cutoff']);
  follower.refresh();
  await client.closed();
  expect(client.all('bye')).toMatchObject([{ reason: 'overload' }]);
});

// P2
test('changes that cannot be read when they come are told later, and nobody has to come anew', async () => {
  const client = await SyncClient.open(api, await anAgent());
  await client.told();
  await world.revoke({ kind: 'identity', value: AGENT }, ['lock']);
  unreadable = new Error('disk I/O error');
  expect(grown).not.toThrow();
  unreadable = undefined;
  grown();
  await client.until('revocation', () => client.all('revocations').length > 0);
  expect(client.all('bye')).toEqual([]);
  client.close();
});
