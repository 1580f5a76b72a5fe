import { adminRoutes } from '../../../../src/adapters/http/routes/admin.ts';
import { validateRoutes } from '../../../../src/adapters/http/routes/validate.ts';
import type { Admin } from '../../../../src/adapters/http/route.ts';
import { callerChecks } from '../../../../src/adapters/http/callers.ts';
import { ownExchange } from '../../../../src/compose/agent-exchange.ts';
import { createJoinToken } from '../../../../src/usecases/create-join-token.ts';
import type { Issuer } from '../../../../src/usecases/issuer.ts';
import { API, entryDraft, id } from '../../../support/administration.ts';
import { attestWith, startAttesting, type TestAttesting } from '../../../support/attesting.ts';
import { ask, askJson, startServer, testServices, type Answered, type RunningServer } from '../../../support/http.ts';

let it: TestAttesting;
let running: RunningServer;
let admin: Admin;

const LOCAL: Admin = { name: 'uid:0', role: 'owner' };

beforeAll(async () => {
  it = await startAttesting();
  const issuer: Issuer = it.attesting;
  running = await startServer(
    [...adminRoutes(issuer, ownExchange().reader), ...validateRoutes(issuer, () => undefined)],
    {
      listener: 'admin',
      services: testServices({ callers: callerChecks(issuer) }),
      peerOf: () => ({ source: 'uid:0', admin }),
    },
  );
});
afterAll(async () => {
  await running.server.close();
  await it.close();
});
beforeEach(() => {
  admin = LOCAL;
});

const get = (path: string): Promise<Answered> => ask({ port: running.port, path: `/v1/admin${path}` });
const send = (method: string, path: string, value: unknown, headers: Record<string, string> = {}): Promise<Answered> =>
  askJson({ port: running.port, method, path: `/v1/admin${path}`, value, headers });
const post = (path: string, value: unknown = {}): Promise<Answered> => send('POST', path, value);
const remove = (path: string, headers: Record<string, string> = {}): Promise<Answered> =>
  ask({ port: running.port, method: 'DELETE', path: `/v1/admin${path}`, headers });

const codeOf = (answer: Answered): unknown => [answer.status, answer.json()['code']];

const newIdentity = async () => {
  const made = await post('/entries', entryDraft({ spiffeId: id(`/w${it.ledger.views.log.head().size}`) }));
  const entry = made.json() as { id: string; spiffeId: string };
  const { token } = await createJoinToken(it.attesting, { purpose: { entry: entry.id }, by: 'uid:0' });
  return { entry, identity: await attestWith(it, 'join_token', { token }) };
};

describe('entries', () => {
  test('live and die with their revision as entity tag', async () => {
    const made = await post('/entries', { ...entryDraft({ spiffeId: id('/life') }), id: 'life' });
    expect([made.status, made.headers['etag'], made.headers['location']]).toEqual([
      201,
      '"1"',
      '/v1/admin/entries/life',
    ]);
    const draft = entryDraft({ spiffeId: id('/life'), hint: 'h' });
    expect(codeOf(await send('PUT', '/entries/life', draft, { 'if-match': '"7"' }))).toEqual([
      412,
      'precondition_failed',
    ]);
    expect(codeOf(await send('PUT', '/entries/life', draft, { 'if-match': 'W/"1"' }))).toEqual([
      412,
      'precondition_failed',
    ]);
    const updated = await send('PUT', '/entries/life', draft, { 'if-match': '"1"' });
    expect([updated.status, updated.headers['etag'], updated.json()['hint']]).toEqual([200, '"2"', 'h']);
    expect((await get('/entries/life')).json()).toEqual(updated.json());
    expect((await remove('/entries/life', { 'if-match': '"1"' })).status).toBe(412);
    expect((await remove('/entries/life', { 'if-match': '"2"' })).status).toBe(204);
    expect(codeOf(await get('/entries/life'))).toEqual([404, 'not_found']);
  });

  test('are listed by page and counted', async () => {
    for (const path of ['/list/a', '/list/b', '/list/c']) await post('/entries', entryDraft({ spiffeId: id(path) }));
    const prefix = encodeURIComponent(id('/list'));
    const first = (await get(`/entries?prefix=${prefix}&limit=2`)).json() as { entries: unknown[]; next: string };
    const second = (await get(`/entries?prefix=${prefix}&limit=2&after=${first.next}`)).json();
    expect([first.entries.length, (second['entries'] as unknown[]).length, second['next']]).toEqual([2, 1, undefined]);
    expect((await get(`/entries/count?prefix=${prefix}`)).json()).toEqual({ count: 3 });
    expect(codeOf(await get('/entries?limit=1001'))).toEqual([400, 'invalid_request']);
    expect(codeOf(await get('/entries?colour=red'))).toEqual([400, 'invalid_request']);
    expect(codeOf(await get('/entries?prefix=x'))).toEqual([400, 'invalid_request']);
  });

  test('problems come with the names of their fields', async () => {
    const refused = await post('/entries', entryDraft({ x509Ttl: 1, selectors: [] }));
    expect([refused.status, refused.json()['code']]).toEqual([400, 'invalid_entry']);
    expect(refused.text).toContain('x509Ttl');
    expect(refused.text).toContain('selectors');
    expect(codeOf(await post('/entries', { ...entryDraft(), colour: 'red' }))).toEqual([400, 'invalid_request']);
  });
});

describe('a file', () => {
  test('is planned, then applied by the digest of the plan', async () => {
    const file = { owner: 'file', resources: [API], entries: [entryDraft({ spiffeId: id('/file') })] };
    const plan = (await post('/plan', file)).json();
    expect(plan['counts']).toEqual({ create: 2, update: 0, delete: 0, unchanged: 0 });
    expect(codeOf(await post('/apply', { ...file, digest: '0'.repeat(64) }))).toEqual([412, 'precondition_failed']);
    expect((await post('/apply', { ...file, digest: plan['digest'] })).status).toBe(200);
    expect((await post('/plan', file)).json()['counts']).toMatchObject({ create: 0, unchanged: 2 });
  });
});

describe('resources', () => {
  test('are found by an identifier in the path', async () => {
    const draft = { ...API, identifier: 'https://r.example.org/a?b=c', names: ['r'] };
    const made = await post('/resources', draft);
    const path = `/resources/${encodeURIComponent(draft.identifier)}`;
    expect([made.status, made.headers['location']]).toEqual([201, `/v1/admin${path}`]);
    expect((await get('/resources/r')).json()).toEqual((await get(path)).json());
    const { identifier: _identifier, ...rest } = draft;
    expect((await send('PUT', path, { ...rest, names: [] }, { 'if-match': '"1"' })).json()).toMatchObject({
      revision: 2,
    });
    expect((await remove(path)).status).toBe(204);
    expect(codeOf(await get(path))).toEqual([404, 'not_found']);
  });
});

describe('revocations', () => {
  test('want confirmation, hit, and are released', async () => {
    const { identity } = await newIdentity();
    const target = { kind: 'identity', value: identity.spiffeId };
    const preview = (await post('/revocations/preview', { target })).json();
    expect(preview).toMatchObject({ credentials: { 'x509-svid': 1 }, entries: 1, inForce: [] });
    expect(codeOf(await post('/revocations', { target }))).toEqual([409, 'confirmation_required']);
    const made = await post('/revocations', { target, confirm: true, reason: 'key_compromise' });
    expect([made.status, made.json()['recorded']]).toEqual([201, true]);
    const again = await post('/revocations', { target, confirm: true, reason: 'key_compromise' });
    expect([again.status, again.json()['revocation']]).toEqual([200, made.json()['revocation']]);
    const { id: revocation } = made.json()['revocation'] as { id: string };
    expect((await get(`/credentials/${identity.id}`)).json()).toMatchObject({ status: { state: 'revoked' } });
    const [leaf = new Uint8Array()] = identity.chain;
    const credential = Buffer.from(leaf).toString('base64');
    expect((await post('/validate', { credential })).json()).toMatchObject({
      status: 'revoked',
      reason: 'key_compromise',
    });
    const released = await ask({
      port: running.port,
      method: 'POST',
      path: `/v1/admin/revocations/${revocation}/release`,
    });
    expect(released.json()).toMatchObject({ recorded: true, left: { predicates: ['cutoff'] } });
    expect((await get(`/revocations/${revocation}`)).json()).toMatchObject({ predicates: ['cutoff'] });
  });

  test('a mode, a reason or a target that is none is refused', async () => {
    const target = { kind: 'identity', value: id('/x') };
    for (const body of [
      { target, mode: 'burn', confirm: true },
      { target, reason: 'anger', confirm: true },
      { target: { kind: 'world', value: 'x' }, confirm: true },
    ]) {
      expect(codeOf(await post('/revocations', body))).toEqual([400, 'invalid_request']);
    }
  });
});

describe('agents and join tokens', () => {
  test('an agent joins, is shown, evicted and banned', async () => {
    const made = await post('/join-tokens', { agent: 'node-1', ttl: 60 });
    expect([made.status, made.headers['cache-control']]).toEqual([201, 'no-store']);
    const agent = await attestWith(it, 'join_token', { token: made.json()['token'] });
    const path = `/agents/${encodeURIComponent(agent.spiffeId)}`;
    expect((await get(path)).json()).toMatchObject({ attestor: 'join_token', svid: { serial: agent.id } });
    expect((await get('/agents')).text).toContain(agent.spiffeId);
    expect(codeOf(await post(`${path}/ban`))).toEqual([409, 'confirmation_required']);
    expect((await post(`${path}/evict`, { confirm: true })).status).toBe(200);
    expect((await post(`${path}/ban`, { confirm: true })).json()).toMatchObject({ recorded: true });
    expect((await get(path)).json()).toMatchObject({ banned: { target: { kind: 'agent' } } });
    const unlock = await ask({ port: running.port, method: 'POST', path: `/v1/admin${path}/unlock` });
    expect(codeOf(unlock)).toEqual([409, 'conflict']);
  });

  test.each([{}, { agent: 'a', entry: 'b' }, { agent: false }, { entry: 'b', ttl: 'long' }])(
    'a join token for %j is refused',
    async (body) => {
      expect(codeOf(await post('/join-tokens', body))).toEqual([400, 'invalid_request']);
    },
  );
});

describe('decisions', () => {
  test('are explained, and changes are fed', async () => {
    const { identity, entry } = await newIdentity();
    const explained = (await get(`/explain/${identity.id}`)).json();
    expect(explained).toMatchObject({ kind: 'issued', status: { state: 'valid' }, erased: false });
    const changes = (await get('/changes?limit=1000')).json() as { changes: { subject: string }[]; cursor: string };
    expect(changes.changes.some(({ subject }) => subject === entry.id)).toBe(true);
    expect((await get(`/changes?after=${changes.cursor}`)).json()['changes']).toEqual([]);
    expect(codeOf(await get('/explain/zz'))).toEqual([400, 'invalid_request']);
  });
});

describe('rights', () => {
  // DEC-28
  test.each<[Admin['role'], string, string, unknown]>([
    ['viewer', 'POST', '/entries', entryDraft()],
    ['viewer', 'POST', '/plan', {}],
    ['viewer', 'POST', '/revocations', { target: { kind: 'identity', value: id('/a') }, confirm: true }],
    ['revoker', 'POST', '/resources', API],
    ['revoker', 'POST', '/join-tokens', { agent: null }],
    ['revoker', 'PUT', '/entries/x', entryDraft()],
  ])('a %s may not %s %s', async (role, method, path, body) => {
    admin = { name: 'x', role };
    expect(codeOf(await send(method, path, body))).toEqual([403, 'forbidden']);
  });

  test('beyond the prefix the refusal is on record and can be explained', async () => {
    admin = { name: 'x', role: 'registrar', prefix: id('/team') };
    const refused = await post('/entries', entryDraft({ spiffeId: id('/elsewhere') }));
    expect(codeOf(refused)).toEqual([403, 'forbidden']);
    expect(it.lastDenial()).toMatchObject({ code: 'forbidden', operation: 'POST /v1/admin/entries', source: 'uid:0' });
    expect(JSON.stringify(it.ledger.views.log.at(it.ledger.views.log.head().size - 1)?.clear)).not.toContain(
      'spiffe://',
    ); // TL-15
    expect((await get('/changes')).status).toBe(403);
    expect((await get('/revocations')).json()).toEqual({ revocations: [] });
    expect((await post('/join-tokens', { agent: 'n' })).status).toBe(403);
  });
});
