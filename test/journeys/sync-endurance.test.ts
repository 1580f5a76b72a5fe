import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Instant } from '../../src/domain/instant.ts';
import { RECORD_ID_ENTROPY, recordId } from '../../src/domain/record-id.ts';
import { Journey, type Held } from '../support/journey.ts';
import { testEntropy } from '../support/ledger.ts';
import { SyncClient } from '../support/sync-client.ts';

/** What the feed of agents (DEC-35) bears: restarts, stores that take no writes, readers that do not read. */
let dataDir: string;
let journey: Journey;
const open: SyncClient[] = [];

const follow = async (held: Held, options = {}): Promise<SyncClient> => {
  const client = await SyncClient.open(journey.server.ready.api, held, options);
  open.push(client);
  return client;
};

const restart = async (): Promise<void> => {
  await journey.stop();
  journey = await Journey.start({ dataDir });
};

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'mayfly-sync-'));
  journey = await Journey.start({ dataDir });
});

afterEach(async () => {
  for (const client of open.splice(0)) client.close();
  await journey.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

test('an agent goes on after a restart of the server from where it was', async () => {
  const agent = await journey.attest({ agent: true });
  await journey.entry('web', { parentId: agent.spiffeId });
  const before = await follow(agent);
  await before.told();
  const { cursor } = before;
  await restart();
  await before.closed();
  await journey.entry('db', { parentId: agent.spiffeId });
  const after = await follow(agent, cursor && { after: cursor });
  await after.told();
  expect(after.all('reset')).toEqual([]);
  expect(after.entries()).toEqual(['db']);
});

test('an agent that missed very much is told everything', async () => {
  const agent = await journey.attest({ agent: true });
  const before = await follow(agent);
  await before.told();
  const { cursor } = before;
  before.close();
  const entries = Array.from({ length: 1100 }, (_, at) => ({
    id: `e-${at}`,
    spiffeId: `spiffe://example.org/e-${at}`,
    parentId: agent.spiffeId,
    selectors: [`test:${at}`],
  }));
  for (let at = 0; at < entries.length; at += 100) {
    const batch = { entries: entries.slice(at, at + 100) };
    const { digest } = await journey.administer<{ digest: string }>('POST', '/v1/admin/plan', batch);
    await journey.administer('POST', '/v1/admin/apply', { ...batch, digest });
  }
  const after = await follow(agent, cursor && { after: cursor });
  await after.told();
  expect(after.all('reset')).toHaveLength(1);
  expect(after.entries()).toHaveLength(1100);
  expect(Math.max(...after.all('entries').map(({ entries: page }) => page.length))).toBe(100);
});

test('a store that takes no writes is still told of; denials wait', async () => {
  const agent = await journey.attest({ agent: true });
  await journey.entry('web', { parentId: agent.spiffeId });
  await journey.stop();
  // The head file knows more than the store (DEC-11).
  const headFile = join(dataDir, 'head.json');
  const head = JSON.parse(readFileSync(headFile, 'utf8')) as { size: number };
  writeFileSync(headFile, JSON.stringify({ ...head, size: head.size + 10 }));
  journey = await Journey.start({ dataDir });
  expect(journey.server.readOnly).toContain('knows more');
  const client = await follow(agent);
  await client.told();
  expect(client.entries()).toEqual(['web']);
  const id = recordId(Date.now() as Instant, testEntropy.bytes(RECORD_ID_ENTROPY));
  const denial = { id, operation: 'FetchX509SVID', reason: 'no entry matches', selectors: ['unix:uid:1'] };
  client.say({ type: 'denials', denials: [denial] });
  client.say({ type: 'resync' });
  await client.told(2);
  expect(client.all('recorded')).toEqual([]);
});

test('a reader that does not read is dropped, and holds nobody else', async () => {
  const [slow, quick] = [await journey.attest({ agent: true }), await journey.attest({ agent: true })];
  const group = 'spiffe://example.org/all';
  for (const [at, agent] of [slow, quick].entries()) {
    const path = `/v1/admin/agents/${encodeURIComponent(agent.spiffeId)}`;
    const { selectors } = await journey.administer<{ selectors: string[] }>('GET', path);
    await journey.entry(`member-${at}`, { spiffeId: group, selectors });
  }
  const [stuck, reader] = [await follow(slow), await follow(quick)];
  await Promise.all([stuck.told(), reader.told()]);
  stuck.socket.pause();
  const dropped = (): boolean =>
    journey.log.lines.some(({ fields }) => fields['reason'] === 'it does not read what it is told');
  // Each entry is large, so that what the system's buffers hold is soon too little.
  const selectors = Array.from({ length: 60 }, (_, at) => `test:${at}:${'x'.repeat(900)}`);
  for (let at = 0; at < 400 && !dropped(); at += 1) await journey.entry(`large-${at}`, { parentId: group, selectors });
  expect(dropped()).toBe(true);
  await journey.entry('last', { parentId: group });
  await reader.until('last', () => reader.entries().includes('last'));
  expect(reader.isClosed).toBe(false);
}, 20_000);
