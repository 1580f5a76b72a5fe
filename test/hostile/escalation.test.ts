import { type Held, Journey } from '../support/journey.ts';

// DEC-28: what a registrar may write must never be a way to become an administrator of a higher rank.

let journey: Journey;
let registrar: Held;

const ROOT = 'spiffe://example.org';
const admin = (role: string, prefix = ROOT) => ({ admin: { role, prefix } });

beforeAll(async () => {
  journey = await Journey.start();
  await journey.entry('registrar', admin('registrar'));
  registrar = await journey.attest({ entry: 'registrar' });
});
afterAll(() => journey.stop());

const post = (path: string, body: object) => journey.api(registrar).postJson(path, body);
const put = (path: string, body: object) =>
  journey.api(registrar).ask(path, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

test('a join token for an entry that makes an administrator is an owner’s to give', async () => {
  await journey.entry('boss', admin('owner'));
  await journey.entry('viewer', admin('viewer'));
  for (const entry of ['boss', 'viewer']) {
    const answer = await post('/v1/admin/join-tokens', { entry });
    expect([answer.status, answer.json()['code']]).toEqual([403, 'forbidden']);
  }
  await journey.entry('plain');
  expect((await post('/v1/admin/join-tokens', { entry: 'plain' })).status).toBe(201);
});

test('an owner over mTLS gives no token for another owner, as they write no entry of one', async () => {
  await journey.entry('remote-owner', admin('owner'));
  await journey.entry('other-owner', admin('owner'));
  const owner = await journey.attest({ entry: 'remote-owner' });
  const ask = (entry: string) => journey.api(owner).postJson('/v1/admin/join-tokens', { entry });
  expect((await ask('other-owner')).status).toBe(403);
  expect((await ask('registrar')).status).toBe(201);
});

test('nobody but an owner becomes the agent that an administrator hangs under', async () => {
  const agent = `${ROOT}/mayfly/agent/join_token/bastion`;
  await journey.entry('operator', { parentId: agent, ...admin('owner') });
  expect((await post('/v1/admin/join-tokens', { agent: 'bastion' })).status).toBe(403);
  expect((await post('/v1/admin/join-tokens', { agent: 'node' })).status).toBe(201);
});

test('nobody but an owner says which nodes are in the group that an administrator hangs under', async () => {
  const group = { spiffeId: `${ROOT}/ops-nodes`, selectors: ['x509pop:subject:cn:bastion'] };
  await journey.entry('ops-nodes', group);
  await journey.entry('ops', { parentId: group.spiffeId, ...admin('owner') });
  const wider = { ...group, selectors: ['x509pop:subject:cn:mine'] };
  // The group itself, and a second group of the same ID.
  expect((await put('/v1/admin/entries/ops-nodes', wider)).status).toBe(403);
  expect((await post('/v1/admin/entries', wider)).status).toBe(403);
  // By a file as well.
  expect((await post('/v1/admin/plan', { entries: [wider] })).status).toBe(403);
  expect((await post('/v1/admin/entries', { ...wider, spiffeId: `${ROOT}/other-nodes` })).status).toBe(201);
});
