import { once } from 'node:events';
import { csrOf, heldFrom, type Held } from '../support/journey.ts';
import { type NotUpgraded, SyncClient, type SyncOptions } from '../support/sync-client.ts';
import { rawConnection } from '../support/raw-connection.ts';
import { followedFleet } from '../support/sync-fleet.ts';

/** How `GET /v1/sync` (DEC-35) begins and ends, over real TLS. */
const fleet = followedFleet();
const { follow, under } = fleet;

test('the first connection is told everything', async () => {
  await under('web', { selectors: ['unix:uid:1000'], hint: 'main' });
  await fleet.journey.entry('elsewhere');
  const client = await follow();
  await client.told();
  expect(client.heard.map(({ type }) => type)).toEqual(['welcome', 'reset', 'entries', 'bundle', 'cursor']);
  expect(client.all('entries')[0]?.entries).toEqual([
    expect.objectContaining({ id: 'web', revision: 1, selectors: ['unix:uid:1000'], hint: 'main' }),
  ]);
  expect(client.all('welcome')[0]).toMatchObject({ version: 1, heartbeat: 5, lease: 15, x509Ttl: 3600, jwtTtl: 300 });
});

describe('who is let in', () => {
  const refusal = (held: Held | undefined, options?: SyncOptions): Promise<NotUpgraded> =>
    SyncClient.open(fleet.journey.server.ready.api, held, options).then(
      () => {
        throw new Error('it was let in');
      },
      (error: NotUpgraded) => error,
    );

  test('a request that asks for no upgrade is told which one is needed', async () => {
    const answers = [
      await refusal(fleet.agent, { headers: '' }),
      await refusal(fleet.agent, { headers: 'Connection: Upgrade\r\nUpgrade: websocket\r\n' }),
    ];
    for (const { status, head, body } of answers) {
      expect(status).toBe(426);
      expect(head.toLowerCase()).toContain('upgrade: mayfly-sync');
      expect(JSON.parse(body)).toMatchObject({ code: 'upgrade_required', status: 426 });
    }
  });

  test('nobody without an SVID, on record', async () => {
    const { status, body } = await refusal(undefined);
    expect(status).toBe(401);
    expect(JSON.parse(body)).toMatchObject({ code: 'unauthenticated', decision: expect.any(String) as string });
    expect(fleet.journey.facts('denied').at(-1)).toMatchObject({ operation: 'GET /v1/sync', code: 'unauthenticated' });
  });

  test('nobody but agents, on record', async () => {
    await fleet.journey.entry('alone');
    const workload = await fleet.journey.attest({ entry: 'alone' });
    const { status } = await refusal(workload);
    expect(status).toBe(403);
    expect(fleet.journey.facts('denied').at(-1)).toMatchObject({
      operation: 'GET /v1/sync',
      spiffeId: workload.spiffeId,
    });
  });

  test('no agent that is banned', async () => {
    await fleet.journey.revoke({ kind: 'agent', value: fleet.agent.spiffeId });
    expect((await refusal(fleet.agent)).status).toBe(401);
  });

  test('no place that is not one', async () => {
    const { status, body } = await refusal(fleet.agent, { after: { epoch: 1, index: -1 } });
    expect(status).toBe(400);
    expect(JSON.parse(body)).toMatchObject({ code: 'invalid_request' });
  });

  test('no request that does not wait for the answer before it', async () => {
    const { api } = fleet.journey.server.ready;
    const upgrade = 'GET /v1/sync HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: mayfly-sync\r\n\r\n';
    for (const before of ['GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n', upgrade]) {
      const socket = await rawConnection(api, fleet.agent, before + upgrade);
      await once(socket.resume(), 'close');
    }
    expect((await fleet.journey.api().ask('/livez')).status).toBe(200);
  });

  test('with the metrics of any other request', async () => {
    await refusal(undefined);
    await follow();
    const { body } = await fleet.journey.admin.call({ method: 'GET', path: '/metrics' });
    expect(body).toContain('route="/v1/sync",status="401"');
    expect(body).toContain('route="/v1/sync",status="101"');
    expect(body).toContain('mayfly_agent_streams 1');
  });
});

describe('coming again', () => {
  test('only what changed since is told', async () => {
    await under('web');
    await under('db');
    const first = await follow();
    await first.told();
    const { cursor } = first;
    first.close();
    await under('cache');
    await fleet.journey.administer('DELETE', '/v1/admin/entries/db');
    const { index } = await fleet.journey.revoke({ kind: 'entry', value: 'web' });
    const again = await follow(fleet.agent, cursor && { after: cursor });
    await again.reaches(index);
    expect(again.heard.map(({ type }) => type)).toEqual(['welcome', 'entries', 'entries', 'revocations', 'cursor']);
    expect(again.all('entries').map(({ entries, removed }) => [entries.map(({ id }) => id), removed])).toEqual([
      [[], ['db']],
      [['cache'], []],
    ]);
  });

  test('nothing but the cursor when nothing changed', async () => {
    const first = await follow();
    await first.told();
    const again = await follow(fleet.agent, first.cursor && { after: first.cursor });
    await again.told();
    expect(again.heard.map(({ type }) => type)).toEqual(['welcome', 'cursor']);
  });

  test.each([
    ['another epoch', { epoch: 2, index: 0 }],
    ['a place that the log has not reached', { epoch: 1, index: 1_000_000 }],
  ])('everything after %s', async (_why, after) => {
    const client = await follow(fleet.agent, { after });
    await client.told();
    expect(client.all('reset')).toHaveLength(1);
  });

  test('everything when a group that it was in has expired meanwhile', async () => {
    const path = `/v1/admin/agents/${encodeURIComponent(fleet.agent.spiffeId)}`;
    const { selectors } = await fleet.journey.administer<{ selectors: string[] }>('GET', path);
    const group = 'spiffe://example.org/group';
    const expiresAt = Math.floor(Date.now() / 1000) + 2;
    await fleet.journey.entry('group', { spiffeId: group, selectors, expiresAt });
    await fleet.journey.entry('in-group', { parentId: group });
    const first = await follow();
    await first.told();
    expect(first.entries()).toEqual(['in-group']);
    const before = first.cursor;
    await first.until('the end of the group', () => first.entries().length === 0);
    const again = await follow(fleet.agent, before && { after: before });
    await again.told();
    expect(again.all('reset')).toHaveLength(1);
    expect(again.entries()).toEqual([]);
  });

  test('everything when it is asked for, but not again and again', async () => {
    await under('web');
    const client = await follow();
    await client.told();
    client.say({ type: 'resync' });
    await client.told(2);
    expect(client.all('reset')).toHaveLength(2);
    client.say({ type: 'resync' });
    await client.closed();
    expect(client.all('reset')).toHaveLength(2);
  });

  test('a successor that is presented ends the stream of the old SVID', async () => {
    const client = await follow();
    await client.told();
    const answer = await fleet.journey
      .api(fleet.agent)
      .postJson('/v1/svids/x509', { items: [{ csr: csrOf(fleet.agent.key) }] });
    const [item] = (answer.json() as { items: unknown[] }).items;
    const next = await follow(heldFrom(item, fleet.agent.key));
    await next.told();
    await client.closed();
    expect(client.all('bye')).toEqual([{ type: 'bye', reason: 'expired' }]);
  });
});

describe('what an agent must not do', () => {
  test.each([
    ['no JSON', 'hello\n'],
    ['no object', '[]\n'],
    ['no type', '{}\n'],
    ['a type twice', '{"type":"x","type":"ack"}\n'],
    ['no place', '{"type":"ack","cursor":{"epoch":1}}\n'],
    ['a place that it was not told', '{"type":"ack","cursor":{"epoch":1,"index":999999}}\n'],
    ['a place of another epoch', '{"type":"ack","cursor":{"epoch":9,"index":1}}\n'],
    ['denials of nothing', '{"type":"denials","denials":[]}\n'],
    ['a denial without an id', '{"type":"denials","denials":[{"operation":"a","reason":"b","selectors":[]}]}\n'],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22, 0x0a])],
    ['a line without an end', 'x'.repeat(70_000)],
    ['too many lines', '{"type":"later"}\n'.repeat(1001)],
  ])('%s ends the stream, with a line in the log', async (_what, line) => {
    const client = await follow();
    await client.told();
    client.sayRaw(line);
    await client.closed();
    expect(fleet.journey.log.lines).toContainEqual(
      expect.objectContaining({ message: 'an agent was dropped from the feed' }) as object,
    );
  });

  test('a type that is not known here is no offence', async () => {
    const client = await follow();
    await client.told();
    client.sayRaw('{"type":"later","what":1}\n');
    await under('web');
    await client.until('web', () => client.entries().includes('web'));
    expect(client.isClosed).toBe(false);
  });
});

test('a stop of the server is told', async () => {
  const client = await follow();
  await client.told();
  await fleet.journey.server.stop();
  await client.closed();
  expect(client.all('bye')).toEqual([{ type: 'bye', reason: 'shutdown' }]);
});
