import { RECORD_ID_ENTROPY, recordId } from '../../src/domain/record-id.ts';
import type { Instant } from '../../src/domain/instant.ts';
import type { SyncDenial } from '../../src/formats/sync-message.ts';
import { runCli } from '../support/admin-stand-in.ts';
import { csrOf, heldFrom } from '../support/journey.ts';
import { followedFleet } from '../support/sync-fleet.ts';
import { testEntropy } from '../support/ledger.ts';

/** What operators learn from the feed of agents: who is there, who has confirmed, whom agents turned away (DEC-35, P7). */
const fleet = followedFleet({ frontEnds: 2 });
const { follow, under } = fleet;

interface AgentAnswer {
  readonly stoppedRenewing: boolean;
  readonly dead: boolean;
  readonly presence?: {
    readonly connected: boolean;
    readonly since?: string;
    readonly acknowledged?: number;
    readonly behindSince?: string;
  };
}

const shown = (id = fleet.agent.spiffeId): Promise<AgentAnswer> =>
  fleet.journey.administer('GET', `/v1/admin/agents/${encodeURIComponent(id)}`);

const until = async <T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> => {
  const deadline = performance.now() + 4000;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(value)}`);
  }
};

describe('presence', () => {
  test('says who is connected and how far, whichever front end has the stream', async () => {
    expect((await shown()).presence).toBeUndefined();
    const clients = await Promise.all([follow(), follow(), follow(), follow()]);
    await Promise.all(clients.map((client) => client.told()));
    const there = await until(shown, ({ presence }) => (presence?.acknowledged ?? -1) >= 0);
    expect(there).toMatchObject({ stoppedRenewing: false, dead: false, presence: { connected: true } });
    for (const client of clients) client.close();
    const gone = await until(shown, ({ presence }) => presence?.connected === false);
    expect(gone.presence?.since).toBeUndefined();
  });

  test('is told by agents that ask for it over mTLS, at any front end', async () => {
    await fleet.journey.entry('admin', { admin: { role: 'viewer', prefix: 'spiffe://example.org' } });
    const admin = await fleet.journey.attest({ entry: 'admin' });
    const client = await follow();
    await client.told();
    await until(shown, ({ presence }) => presence?.connected === true);
    const path = `/v1/admin/agents/${encodeURIComponent(fleet.agent.spiffeId)}`;
    const answers = await Promise.all(Array.from({ length: 6 }, () => fleet.journey.api(admin).ask(path)));
    expect(answers.map((answer) => answer.json()['presence'])).toEqual(
      answers.map(() => expect.objectContaining({ connected: true }) as object),
    );
  });

  test('names an agent that does not acknowledge', async () => {
    const client = await follow(fleet.agent, { acknowledges: false });
    await client.told();
    const there = await until(shown, ({ presence }) => presence?.connected === true);
    expect(there.presence?.acknowledged).toBeUndefined();
  });
});

test('`agent list` says that an agent was evicted', async () => {
  const list = async () => (await runCli(['agent', 'list', '--socket', fleet.journey.server.ready.adminSocket])).out;
  expect(await list()).toMatch(/ good /);
  const path = `/v1/admin/agents/${encodeURIComponent(fleet.agent.spiffeId)}/evict`;
  await fleet.journey.administer('POST', path, { confirm: true });
  expect(await list()).toMatch(/ evicted /);
});

describe('changes reach agents at every front end', () => {
  test('an entry, a revocation and a successor', async () => {
    const clients = await Promise.all([follow(), follow(), follow(), follow()]);
    await Promise.all(clients.map((client) => client.told()));
    await under('web');
    await Promise.all(clients.map((client) => client.until('web', () => client.entries().includes('web'))));
    const { index } = await fleet.journey.revoke({ kind: 'entry', value: 'web' });
    await Promise.all(clients.map((client) => client.reaches(index)));
    const answer = await fleet.journey
      .api(fleet.agent)
      .postJson('/v1/svids/x509', { items: [{ csr: csrOf(fleet.agent.key) }] });
    const [item] = (answer.json() as { items: unknown[] }).items;
    const next = await follow(heldFrom(item, fleet.agent.key));
    await next.told();
    await Promise.all(clients.map((client) => client.closed()));
    expect(clients.flatMap((client) => client.all('bye')).map(({ reason }) => reason)).toEqual(
      clients.map(() => 'expired'),
    );
  });
});

describe('mayfly revoke --wait', () => {
  const revoke = (...args: readonly string[]) =>
    runCli(['revoke', '--socket', fleet.journey.server.ready.adminSocket, '--yes', ...args]);

  test('says that all have confirmed', async () => {
    await under('web');
    const client = await follow();
    await client.told();
    await until(shown, ({ presence }) => presence?.connected === true);
    const { exit, out } = await revoke('--entry', 'web', '--wait');
    expect(out).toMatch(/1 of 1 agents confirmed in \d+(\.\d)? s\n$/);
    expect(exit).toBe(0);
  });

  test('says who has not, and until when that matters', async () => {
    await under('web');
    const item = { csr: csrOf(fleet.agent.key), entryId: 'web' };
    const issued = await fleet.journey.api(fleet.agent).postJson('/v1/svids/x509', { items: [item] });
    const [{ notAfter }] = (issued.json() as { items: [{ notAfter: number }] }).items;
    const { exit, out } = await revoke('--entry', 'web', '--wait', '1', '--json');
    expect(JSON.parse(out)).toMatchObject({
      done: true,
      confirmations: {
        agents: 1,
        confirmed: 0,
        unconfirmed: [{ agent: fleet.agent.spiffeId, connected: false, until: notAfter }],
      },
    });
    expect(exit).toBe(3);
  });

  test('counts a banned agent that said that it acts by it', async () => {
    const client = await follow();
    await client.told();
    await until(shown, ({ presence }) => presence?.connected === true);
    const { exit, out } = await revoke('--agent', fleet.agent.spiffeId, '--wait');
    expect(out).toContain('1 of 1 agents confirmed');
    expect(exit).toBe(0);
    const [bye] = client.all('bye');
    expect(bye?.cursor?.index).toBeGreaterThanOrEqual(client.cursor?.index ?? Infinity);
  });

  test('counts no banned agent whose connection just ended: that may be anyone’s doing (DEC-35)', async () => {
    const client = await follow(fleet.agent, { acknowledges: false });
    await client.told();
    await until(shown, ({ presence }) => presence?.connected === true);
    const waiting = revoke('--agent', fleet.agent.spiffeId, '--wait', '1', '--json');
    await client.until('bye', () => client.all('bye').length === 1);
    client.socket.end();
    const { exit, out } = await waiting;
    expect(JSON.parse(out)).toMatchObject({
      confirmations: {
        agents: 1,
        confirmed: 0,
        unconfirmed: [{ agent: fleet.agent.spiffeId, connected: false, until: fleet.agent.notAfter }],
      },
    });
    expect(exit).toBe(3);
  });

  test('has nobody to wait for where nobody is', async () => {
    await fleet.journey.entry('alone');
    const { exit, out } = await revoke('--entry', 'alone', '--wait');
    expect(out).toContain('no agent is connected or holds any of it');
    expect(exit).toBe(0);
  });
});

describe('denials that an agent tells of', () => {
  const denial = (changes: Partial<SyncDenial> = {}): SyncDenial => ({
    id: recordId(Date.now() as Instant, testEntropy.bytes(RECORD_ID_ENTROPY)),
    operation: 'FetchX509SVID',
    reason: 'no entry matches',
    selectors: ['unix:gid:1000', 'unix:uid:1000'],
    ...changes,
  });

  test('are on record, and explained by the entry that was nearest', async () => {
    await under('near', { selectors: ['unix:uid:1000', 'unix:user:web'] });
    await under('far', { selectors: ['unix:uid:7', 'unix:user:db', 'unix:gid:1'] });
    await fleet.journey.entry('elsewhere', { selectors: ['unix:uid:1000'] });
    const client = await follow();
    await client.told();
    const told = denial();
    client.say({ type: 'denials', denials: [told] });
    await client.until('answer', () => client.all('recorded').length > 0);
    expect(client.all('recorded')).toEqual([{ type: 'recorded', ids: [told.id] }]);
    const explained = await fleet.journey.administer<{ nearest: object[]; fact: object }>(
      'GET',
      `/v1/admin/explain/${told.id}`,
    );
    expect(explained.fact).toMatchObject({ kind: 'denied', agent: fleet.agent.spiffeId, operation: 'FetchX509SVID' });
    expect(explained.nearest[0]).toMatchObject({
      id: 'near',
      matching: ['unix:uid:1000'],
      missing: ['unix:user:web'],
      obstacles: ['missing selectors: unix:user:web'],
    });
  });

  test('are passed over when they are old, of the future, or under an id that was used', async () => {
    const client = await follow();
    await client.told();
    const at = (ms: number) =>
      denial({ id: recordId((Date.now() + ms) as Instant, testEntropy.bytes(RECORD_ID_ENTROPY)) });
    const used = denial({ id: fleet.agent.serial });
    const twice = denial();
    const ids = [at(-3_600_000), at(3_600_000), used, twice];
    const before = fleet.journey.facts('denied').length;
    client.say({ type: 'denials', denials: ids });
    await client.until('answer', () => client.all('recorded').length > 0);
    client.say({ type: 'denials', denials: [{ ...twice, reason: 'other words' }] });
    await client.until('answer', () => client.all('recorded').length > 1);
    expect(fleet.journey.facts('denied').slice(before)).toMatchObject([{ id: twice.id, reason: 'no entry matches' }]);
    const { body } = await fleet.journey.admin.call({ method: 'GET', path: '/metrics' });
    expect(body).toContain('mayfly_agent_denials_refused_total 4');
  });

  test('are counted together above the rate of the agent', async () => {
    const client = await follow();
    await client.told();
    client.say({ type: 'denials', denials: Array.from({ length: 64 }, () => denial()) });
    await client.until('answer', () => client.all('recorded').length > 0);
    expect(client.all('recorded')[0]?.ids).toHaveLength(64);
    expect(fleet.journey.facts('denied')).toHaveLength(60);
  });
});
