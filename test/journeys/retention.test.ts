import { writeCsr } from '../../src/formats/csr-writer.ts';
import { possessionBy } from '../support/attesting.ts';
import { csrOf, type Held, heldFrom, Journey } from '../support/journey.ts';
import { type TestTime, testTime } from '../support/journey-time.ts';
import { SyncClient } from '../support/sync-client.ts';
import { newKey, type TestKey } from '../support/x509.ts';

/** What a running server forgets as time goes by, and what it has to keep. */
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let time: TestTime;
let journey: Journey;
beforeEach(async () => {
  time = testTime();
  journey = await Journey.start({
    ...time,
    configure: (server) => ({
      ...server,
      retention: { hotRows: 2 * 86_400, details: 20 * 86_400 },
      session: { ...server.session, nodeKey: 10 * 86_400 },
    }),
  });
});
afterEach(() => journey.stop());

const credentialStatus = (id: string): Promise<number> =>
  journey.admin
    .call({ method: 'GET', path: `/v1/admin/credentials/${id}` })
    .then(() => 200)
    .catch((error: { status?: number }) => error.status ?? 0);

interface Explained {
  readonly kind: string;
  readonly erased: boolean;
  readonly place: { readonly index: number };
}

const explain = (id: string): Promise<Explained> => journey.administer('GET', `/v1/admin/explain/${id}`);

const renewed = async (held: Held): Promise<Held> => {
  const key = newKey();
  const answer = await journey.api(held, { fresh: true }).postJson('/v1/svids/x509', { items: [{ csr: csrOf(key) }] });
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  return heldFrom((answer.json() as { items: unknown[] }).items[0], key);
};

/** An agent that pinned a node key. */
const pinned = async (node: TestKey): Promise<Held> => {
  const key = newKey();
  const csr = writeCsr(key.privateKey);
  const answer = await journey.api().postJson('/v1/attest', {
    type: 'join_token',
    evidence: { token: await journey.joinToken({ agent: 'node-1' }) },
    csr: csr.toString('base64'),
    nodeKey: { spki: node.spki.toString('base64'), signature: possessionBy(node, csr).toString('base64') },
  });
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  return heldFrom(answer.json(), key);
};

const comeBack = async (spiffeId: string, node: TestKey): Promise<number> => {
  const { challenge } = (await journey.api().ask('/v1/attest/challenge', { method: 'POST' })).json() as {
    challenge: string;
  };
  const csr = writeCsr(newKey().privateKey);
  const signature = possessionBy(node, csr, Buffer.from(challenge, 'base64')).toString('base64');
  const evidence = { spiffeId, signature };
  const body = { type: 'node_key', evidence, csr: csr.toString('base64'), challenge };
  return (await journey.api().postJson('/v1/attest', body)).status;
};

test('a row goes when its credential is over for as long as configured; the decision is still explained', async () => {
  await journey.entry('web');
  const held = await journey.attest({ entry: 'web' });
  await time.pass(2 * DAY, HOUR);
  expect(await credentialStatus(held.serial)).toBe(200);
  await time.pass(2 * HOUR, HOUR);
  expect(await credentialStatus(held.serial)).toBe(404);
  expect(await explain(held.serial)).toMatchObject({
    kind: 'issued',
    erased: false,
    place: { index: held.index },
  });
});

test('details go after their time, on record, and what is left is still explained', async () => {
  await journey.entry('web');
  const held = await journey.attest({ entry: 'web' });
  await time.pass(21 * DAY, 12 * HOUR);
  expect(journey.facts('details-erased').length).toBeGreaterThan(0);
  const explained = await explain(held.serial);
  expect(explained).toMatchObject({ kind: 'issued', erased: true, place: { index: held.index } });
  expect(JSON.stringify(explained)).not.toContain('spiffe://example.org/web');
});

// DEC-13
test('an agent that renews for long stays known, and comes back with its node key when it was away', async () => {
  const node = newKey();
  let held = await pinned(node);
  for (let half = 0; half < 32; half += 1) {
    await time.pass(DAY / 2, DAY / 2);
    held = await renewed(held);
  }
  const { agents } = await journey.administer<{ agents: { spiffeId: string; hasNodeKey: boolean }[] }>(
    'GET',
    '/v1/admin/agents',
  );
  expect(agents).toEqual([expect.objectContaining({ spiffeId: held.spiffeId, hasNodeKey: true })]);
  await time.pass(10 * DAY, DAY / 2);
  expect(await comeBack(held.spiffeId, node)).toBe(200);
  await time.pass(14 * DAY, DAY / 2);
  expect(await comeBack(held.spiffeId, node)).toBe(403);
  expect(await journey.administer('GET', '/v1/admin/agents')).toMatchObject({ agents: [] });
});

test('a revocation is forgotten with the credential that it was about, and agents that connect hear no more of it', async () => {
  const toldAtConnect = async (held: Held): Promise<readonly string[]> => {
    const client = await SyncClient.open(journey.server.ready.api, held);
    await client.told();
    client.close();
    return client.all('revocations').flatMap(({ revocations }) => revocations.map(({ target }) => target.value));
  };
  const first = await journey.attest({ agent: 'node-1' });
  await time.pass(DAY / 2, DAY / 2);
  let held = await renewed(first);
  await journey.revoke({ kind: 'credential', value: first.serial });
  await journey.revoke({ kind: 'identity', value: `${held.spiffeId}/other` });
  expect(await toldAtConnect(held)).toEqual([first.serial]);
  for (let half = 0; half < 24; half += 1) {
    await time.pass(DAY / 2, DAY / 2);
    held = await renewed(held);
  }
  expect(await credentialStatus(first.serial)).toBe(404);
  expect(await toldAtConnect(held)).toEqual([]);
});
