import { codeOf } from '../support/hostile.ts';
import { csrOf, type Held, Journey } from '../support/journey.ts';
import { newKey } from '../support/x509.ts';

/** Two IDs are the same exactly when their bytes are (ID-15): nothing is repaired, decoded or shortened on the way to a rule. */

const ROOT = 'spiffe://example.org';
let journey: Journey;
let ops: Held;

beforeAll(async () => {
  journey = await Journey.start();
  await journey.entry('ops', { admin: { role: 'registrar', prefix: `${ROOT}/team` } });
  ops = await journey.attest({ entry: 'ops' });
});
afterAll(() => journey.stop());

const create = (body: object) => journey.api(ops).postJson('/v1/admin/entries', { selectors: ['test:1'], ...body });

const PATHS = [
  '/team/../admin',
  '/team/./web',
  '/team/..',
  '/team//web',
  '/team/web/',
  '/team/%2e%2e/admin',
  '/team/%2Fadmin',
  '/team/web%00',
  '/team\\..\\admin',
  '/team/web?x=1',
  '/team/web#x',
  '/team/wéb',
  '/team/\u202eweb',
  '/team/web ',
  '/team/web\n',
  '/team;/web',
  '/team/../../other.example/x',
];

test.each(PATHS)('%j is no path of an entry', async (path) => {
  expect(codeOf(await create({ spiffeId: `${ROOT}${path}` }))).toMatch(/^40[03] (invalid_entry|forbidden)$/);
  expect(await journey.administer('GET', '/v1/admin/entries')).toMatchObject({ entries: [{ id: 'ops' }] });
});

test.each(['/teams/web', '/team-2/web', '/Team/web', '/tea', '/TEAM/web'])(
  '%s lies beyond the prefix /team',
  async (path) => {
    expect(codeOf(await create({ spiffeId: `${ROOT}${path}` }))).toBe('403 forbidden');
  },
);

test.each([
  'spiffe://example.org:443/team/web',
  'spiffe://user@example.org/team/web',
  'spiffe://example.org.evil.example/team/web',
  'spiffe://evil.example/team/web',
  'https://example.org/team/web',
  'spiffe:/example.org/team/web',
  'spiffe:///team/web',
  'spiffe://example.org%2Fteam/web',
  'spiffe://exаmple.org/team/web', // a Cyrillic letter
])('%s is of no trust domain of ours', async (spiffeId) => {
  expect(codeOf(await create({ spiffeId }))).toMatch(/^40[03] (invalid_entry|forbidden)$/);
});

test('what an operator writes in upper case is one ID with what is in lower case', async () => {
  expect((await create({ id: 'one', spiffeId: 'SPIFFE://Example.ORG/team/web' })).json()['spiffeId']).toBe(
    `${ROOT}/team/web`,
  );
  expect(codeOf(await create({ spiffeId: `${ROOT}/team/web` }))).toBe('409 conflict');
});

test('no entry and no agent is named like a server, an agent, or a path below them', async () => {
  for (const path of ['/mayfly', '/mayfly/server', '/mayfly/agent/join_token/x', '/mayfly/x']) {
    const entry = { spiffeId: `${ROOT}${path}`, selectors: ['test:1'] };
    await expect(journey.administer('POST', '/v1/admin/entries', entry)).rejects.toMatchObject({
      code: 'invalid_entry',
    });
  }
  for (const agent of ['../server', 'a/b', '..', '.', '%2e%2e', 'x/../../server', '']) {
    await expect(journey.joinToken({ agent })).rejects.toMatchObject({ status: 400 });
  }
});

test('a caller that names another spelling of its own ID gets nothing', async () => {
  const token = await journey.joinToken({ entry: 'ops' });
  const evidence = { token };
  for (const spiffeId of [`${ROOT}/ops/`, `${ROOT}/./ops`, `${ROOT}/%6fps`, 'SPIFFE://example.org/ops']) {
    const body = { type: 'join_token', evidence, csr: csrOf(newKey()), spiffeId };
    expect(codeOf(await journey.api().postJson('/v1/attest', body))).toBe('400 invalid_request');
  }
  expect((await journey.redeem(token, newKey())).status).toBe(200);
});

test('a prefix that is revoked ends at a whole segment', async () => {
  await journey.entry('inner', { spiffeId: `${ROOT}/zone/one` });
  await journey.entry('outer', { spiffeId: `${ROOT}/zones/one` });
  await journey.revoke({ kind: 'prefix', value: `${ROOT}/zone` });
  for (const value of [`${ROOT}/zone/`, `${ROOT}/zone/../zones`, `${ROOT}/zone%2f`]) {
    const body = { target: { kind: 'prefix', value }, confirm: true };
    await expect(journey.administer('POST', '/v1/admin/revocations', body)).rejects.toMatchObject({ status: 400 });
  }
  expect((await journey.redeem(await journey.joinToken({ entry: 'inner' }), newKey())).status).toBe(403);
  expect((await journey.redeem(await journey.joinToken({ entry: 'outer' }), newKey())).status).toBe(200);
});

test('no spelling of a path of the API leads past who may call it', async () => {
  const guest = journey.api();
  const spellings = [
    '/v1/admin/entries',
    '/v1//admin/entries',
    '/v1/./admin/entries',
    '/v1/x/../admin/entries',
    '/v1/%61dmin/entries',
    '/v1/admin%2fentries',
    '/V1/Admin/Entries',
    '/v1/admin/entries/',
    '//v1/admin/entries',
    '/v1/admin/entries/..%2f',
    '/openapi.json/../v1/admin/entries',
  ];
  for (const path of spellings) {
    const { status } = await guest.ask(path);
    expect([path, [400, 401, 404].includes(status)]).toEqual([path, true]);
  }
});
