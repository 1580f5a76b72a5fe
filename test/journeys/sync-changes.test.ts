import { readCertificate } from '../../src/formats/certificate.ts';
import { followedFleet } from '../support/sync-fleet.ts';

/** What agents are told on `GET /v1/sync` (DEC-35) as it changes, over real TLS. */
const fleet = followedFleet();
const { follow, under } = fleet;

describe('what changes', () => {
  test('an entry comes, changes and goes', async () => {
    const client = await follow();
    await client.told();
    await under('web');
    await client.told(2);
    expect(client.entries()).toEqual(['web']);
    await fleet.journey.administer('PUT', '/v1/admin/entries/web', {
      spiffeId: 'spiffe://example.org/web',
      parentId: fleet.agent.spiffeId,
      selectors: ['test:2'],
    });
    await client.told(3);
    expect(client.all('entries').at(-1)?.entries).toEqual([
      expect.objectContaining({ id: 'web', revision: 2, selectors: ['test:2'] }),
    ]);
    await fleet.journey.administer('DELETE', '/v1/admin/entries/web');
    await client.told(4);
    expect(client.all('entries').at(-1)).toEqual({ type: 'entries', entries: [], removed: ['web'] });
    expect(client.all('reset')).toHaveLength(1);
  });

  test('an entry that moves to another agent is taken from one and given to the other', async () => {
    const other = await fleet.journey.attest({ agent: true });
    await under('web');
    const [from, to] = [await follow(), await follow(other)];
    await Promise.all([from.told(), to.told()]);
    await fleet.journey.administer('PUT', '/v1/admin/entries/web', {
      spiffeId: 'spiffe://example.org/web',
      parentId: other.spiffeId,
      selectors: ['test:1'],
    });
    await Promise.all([from.told(2), to.told(2)]);
    expect([from.entries(), to.entries()]).toEqual([[], ['web']]);
  });

  test('nothing of what is others’, not even an id', async () => {
    const other = await fleet.journey.attest({ agent: true });
    const client = await follow();
    await client.told();
    await fleet.journey.entry('secret-1', { parentId: other.spiffeId });
    await fleet.journey.entry('secret-2');
    await fleet.journey.administer('DELETE', '/v1/admin/entries/secret-1');
    await fleet.journey.revoke({ kind: 'identity', value: 'spiffe://example.org/secret-2' });
    await under('web');
    await client.until('web', () => client.entries().includes('web'));
    expect(JSON.stringify(client.heard)).not.toContain('secret');
  });

  test('an entry without what only the server needs', async () => {
    await under('web', { owner: 'team-a', admin: { role: 'viewer', prefix: 'spiffe://example.org' } });
    const client = await follow();
    await client.told();
    const [entry] = client.all('entries')[0]?.entries ?? [];
    expect(Object.keys(entry ?? {}).sort()).toEqual(['createdAt', 'id', 'revision', 'selectors', 'spiffeId']);
  });

  test('an entry that expires is taken away when its time is over', async () => {
    const client = await follow();
    await client.told();
    await under('web', { expiresAt: Math.floor(Date.now() / 1000) + 2 });
    await client.until('web', () => client.entries().includes('web'));
    await client.until('the end of web', () => !client.entries().includes('web'));
    expect(client.entries()).toEqual([]);
  });

  test('groups come and go with their entries', async () => {
    const { selectors } = await fleet.journey.administer<{ selectors: string[] }>(
      'GET',
      `/v1/admin/agents/${encodeURIComponent(fleet.agent.spiffeId)}`,
    );
    const client = await follow();
    await client.told();
    const group = 'spiffe://example.org/group';
    await fleet.journey.entry('in-group', { parentId: group });
    await fleet.journey.entry('group', { spiffeId: group, selectors });
    await client.until('in-group', () => client.entries().includes('in-group'));
    await fleet.journey.entry('later', { parentId: group });
    await client.until('later', () => client.entries().includes('later'));
    await fleet.journey.administer('DELETE', '/v1/admin/entries/group');
    await client.until('nothing', () => client.entries().length === 0);
    expect(client.all('reset')).toHaveLength(1);
  });

  test('a prepared authority is in the bundle before it signs, a tainted one is named', async () => {
    const client = await follow();
    await client.told();
    const before = client.all('bundle').at(-1);
    expect(before?.bundle.x509Authorities).toHaveLength(2);
    expect(before?.tainted).toEqual([]);
    const leaf = fleet.agent.chain[1] ?? Buffer.alloc(0);
    const { authorities } = await fleet.journey.administer<{
      authorities: { id: string; purpose: string; state: string }[];
    }>('GET', '/v1/admin/authorities');
    const issuing = authorities.find(({ purpose, state }) => purpose === 'x509-issuing' && state === 'active');
    await fleet.journey.administer('POST', '/v1/admin/authorities', {
      kind: 'taint',
      id: issuing?.id,
      confirm: true,
      force: true,
    });
    await client.until('taint', () => (client.all('bundle').at(-1)?.tainted.length ?? 0) > 0);
    const keyId = Buffer.from(readCertificate(leaf).subjectKeyId ?? []).toString('hex');
    expect(client.all('bundle').at(-1)?.tainted).toContain(keyId);
  });
});

describe('revocations', () => {
  test('those that touch an agent’s entries, and their end', async () => {
    await under('web');
    const client = await follow();
    await client.told();
    const { id, index } = await fleet.journey.revoke({ kind: 'identity', value: 'spiffe://example.org/web' });
    await client.reaches(index);
    expect(client.all('revocations').at(-1)?.revocations).toEqual([
      { id, index, target: { kind: 'identity', value: 'spiffe://example.org/web' }, predicates: ['cutoff', 'block'] },
    ]);
    await fleet.journey.administer('POST', `/v1/admin/revocations/${id}/release`);
    await client.until('release', () => client.all('revocations').length === 2);
    expect(client.all('revocations').at(-1)?.revocations).toMatchObject([{ id, predicates: ['cutoff'] }]);
    await fleet.journey.revoke({ kind: 'entry', value: 'web' }, { mode: 'hold' });
    await client.until('hold', () => client.all('revocations').length === 3);
    const hold = client.all('revocations').at(-1)?.revocations[0]?.id ?? '';
    await fleet.journey.administer('POST', `/v1/admin/revocations/${hold}/release`);
    await client.until('end', () => client.all('revocations').length === 4);
    expect(client.all('revocations').at(-1)).toEqual({ type: 'revocations', revocations: [], removed: [hold] });
  });

  test('what was in force before is told with the state, and with an entry that comes later', async () => {
    await fleet.journey.revoke({ kind: 'prefix', value: 'spiffe://example.org/apps' });
    const client = await follow();
    await client.told();
    expect(client.all('revocations')).toEqual([]);
    await under('app', { spiffeId: 'spiffe://example.org/apps/one' });
    await client.until('revocation', () => client.all('revocations').length > 0);
    const again = await follow();
    await again.told();
    const targets = [client, again].map((each) => each.all('revocations')[0]?.revocations[0]?.target);
    expect(targets).toEqual(Array.from({ length: 2 }, () => ({ kind: 'prefix', value: 'spiffe://example.org/apps' })));
  });

  test('one of a prefix reaches who has nothing below it, and so does its end', async () => {
    const client = await follow();
    await client.told();
    const target = { kind: 'prefix', value: 'spiffe://example.org/apps' };
    const { id } = await fleet.journey.revoke(target, { mode: 'hold' });
    await client.until('hold', () => client.all('revocations').length > 0 && client.heard.at(-1)?.type === 'cursor');
    expect(client.all('revocations')).toMatchObject([{ revocations: [{ id, target }], removed: [] }]);
    const after = client.cursor;
    client.close();
    await fleet.journey.administer('POST', `/v1/admin/revocations/${id}/release`);
    const again = await follow(fleet.agent, after && { after });
    await again.told();
    expect(again.all('reset')).toEqual([]);
    expect(again.all('revocations')).toEqual([{ type: 'revocations', revocations: [], removed: [id] }]);
  });

  test.each(['identity', 'entry'])('the end of one of an %s reaches who has lost the entry', async (kind) => {
    await under('web');
    const client = await follow();
    await client.told();
    const target = { kind, value: kind === 'entry' ? 'web' : 'spiffe://example.org/web' };
    const { id } = await fleet.journey.revoke(target, { mode: 'hold' });
    await client.until('hold', () => client.all('revocations').length > 0 && client.heard.at(-1)?.type === 'cursor');
    const after = client.cursor;
    await fleet.journey.administer('DELETE', '/v1/admin/entries/web');
    await fleet.journey.administer('POST', `/v1/admin/revocations/${id}/release`);
    // One that stayed, and one that was away meanwhile.
    await client.until('release', () => client.all('revocations').length > 1);
    const again = await follow(fleet.agent, after && { after });
    await again.told();
    expect(again.all('reset')).toEqual([]);
    expect(again.all('entries')).toEqual([{ type: 'entries', entries: [], removed: ['web'] }]);
    for (const each of [client, again]) {
      expect(each.all('revocations').at(-1)).toEqual({ type: 'revocations', revocations: [], removed: [id] });
    }
  });

  test('what is left of one that was released comes back with the entry, in place of the whole', async () => {
    await under('web');
    const client = await follow();
    await client.told();
    const { id, index } = await fleet.journey.revoke({ kind: 'identity', value: 'spiffe://example.org/web' });
    await client.reaches(index);
    await fleet.journey.administer('DELETE', '/v1/admin/entries/web');
    await fleet.journey.administer('POST', `/v1/admin/revocations/${id}/release`);
    await under('web-again', { spiffeId: 'spiffe://example.org/web' });
    await client.until('web again', () => client.entries().includes('web-again'));
    await client.until('cutoff', () => client.all('revocations').length > 1);
    expect(client.all('revocations').at(-1)?.revocations).toMatchObject([{ id, predicates: ['cutoff'] }]);
  });

  test('every agent is told the place of a revocation, whomever it concerns', async () => {
    const client = await follow();
    await client.told();
    await fleet.journey.entry('alone');
    const { index } = await fleet.journey.revoke({ kind: 'entry', value: 'alone' });
    await client.reaches(index);
    expect(client.all('revocations')).toEqual([]);
  });

  test.each(['ban', 'evict'])('after %s the stream ends at once, and says why', async (act) => {
    const client = await follow();
    await client.told();
    const before = performance.now();
    await fleet.journey.administer('POST', `/v1/admin/agents/${encodeURIComponent(fleet.agent.spiffeId)}/${act}`, {
      confirm: true,
    });
    await client.closed();
    expect(performance.now() - before).toBeLessThan(1000);
    expect(client.heard.slice(-3).map(({ type }) => type)).toEqual(['revocations', 'cursor', 'bye']);
    expect(client.all('bye')).toEqual([{ type: 'bye', reason: 'revoked', cursor: client.cursor }]);
  });
});
