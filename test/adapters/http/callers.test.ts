import { Agent } from 'node:https';
import { callerChecks } from '../../../src/adapters/http/callers.ts';
import { adminOfRequest } from '../../../src/adapters/http/routes/administering.ts';
import { defineRoute } from '../../../src/adapters/http/route.ts';
import type { AdminRole, Entry } from '../../../src/domain/entry.ts';
import type { RecordId } from '../../../src/domain/record-id.ts';
import type { SpiffeId } from '../../../src/domain/spiffe-id.ts';
import { openCallerWorld, WORKLOAD } from '../../support/callers.ts';
import type { CallerWorld, TestCredential } from '../../support/callers.ts';
import { entryFixture } from '../../support/facts.ts';
import { ask, changingIdentity, newTlsIdentity, startServer, testServices } from '../../support/http.ts';
import type { Answered, RunningServer } from '../../support/http.ts';

const adminRoute = (role: AdminRole) =>
  defineRoute({
    method: 'GET',
    path: `/admin/${role}`,
    listeners: ['api'],
    summary: role,
    access: { kind: 'admin', role },
    answers: [],
    refusals: [],
    handle: (context) => ({ body: adminOfRequest(context) }),
  });

const routes = [
  defineRoute({
    method: 'POST',
    path: '/svid',
    listeners: ['api'],
    summary: 'for callers',
    access: { kind: 'svid' },
    bodyKind: 'json',
    answers: [],
    refusals: [],
    handle: async (context) => ({ body: { caller: (await context.caller()).spiffeId } }),
  }),
  defineRoute({
    method: 'GET',
    path: '/maybe',
    listeners: ['api'],
    summary: 'for callers, if the handler asks',
    access: { kind: 'none' },
    answers: [],
    refusals: [],
    handle: async (context) => {
      const answers = await Promise.allSettled([context.caller(), context.caller()]);
      return { body: answers.map(({ status }) => status) };
    },
  }),
  adminRoute('viewer'),
  adminRoute('registrar'),
];

let world: CallerWorld;
let running: RunningServer;
beforeEach(async () => {
  world = await openCallerWorld();
  running = await startServer(routes, {
    services: testServices({ callers: callerChecks(world.issuer) }),
    identity: changingIdentity(await newTlsIdentity()),
  });
});
afterEach(async () => {
  await running.server.close();
  await world.close();
});

const get = (path: string, held?: TestCredential, agent?: Agent): Promise<Answered> => {
  const client = { ...(held && { cert: held.cert, key: held.keyPem }), ...(agent && { agent }) };
  return ask({ port: running.port, tls: true, path, ...client });
};

/** The denial that an answer names. */
const denialOf = (answer: Answered): unknown => {
  const index = world.views.log.find(answer.json()['decision'] as RecordId);
  return index === undefined ? undefined : world.views.log.at(index)?.fact;
};

describe('a route for callers', () => {
  const post = (held?: TestCredential, body = '{}', agent?: Agent) =>
    ask({
      port: running.port,
      tls: true,
      method: 'POST',
      path: '/svid',
      headers: { 'content-type': 'application/json' },
      body,
      ...(held && { cert: held.cert, key: held.keyPem }),
      ...(agent && { agent }),
    });

  test('is open to the holder of an SVID', async () => {
    expect((await post(await world.issue())).json()).toEqual({ caller: WORKLOAD });
  });

  test('is closed without one, before the body is looked at, and that is on record', async () => {
    // P1, DEC-54
    const answer = await post(undefined, 'not JSON');
    expect([answer.status, answer.json()['code']]).toEqual([401, 'unauthenticated']);
    expect(denialOf(answer)).toMatchObject({
      kind: 'denied',
      operation: 'POST /svid',
      code: 'unauthenticated',
      reason: 'no client certificate',
      source: '127.0.0.1',
    });
    expect(answer.text).not.toContain('no client certificate');
  });

  test('asks again at every request of a connection', async () => {
    // DEC-19
    const held = await world.issue();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await post(held, '{}', agent)).status).toBe(200);
    const revocation = await world.revoke({ kind: 'identity', value: WORKLOAD }, ['cutoff']);
    const answer = await post(held, '{}', agent);
    expect(answer.status).toBe(401);
    expect(denialOf(answer)).toMatchObject({
      reason: `revoked by ${revocation}`,
      spiffeId: WORKLOAD,
      caller: held.serial,
    });
    agent.destroy();
  });

  test('one request is refused and recorded once, however often its handler asks', async () => {
    const { size } = world.views.log.head();
    expect((await get('/maybe')).json()).toEqual(['rejected', 'rejected']);
    expect(world.views.log.head().size).toBe(size + 1);
  });
});

describe('an admin over the network', () => {
  const prefix = 'spiffe://example.org/db' as SpiffeId;

  const write = async (kind: 'entry-created' | 'entry-updated', options: Partial<Entry>): Promise<void> => {
    const entry = entryFixture({ spiffeId: WORKLOAD, ...options });
    const appended = await world.ledger.append({ facts: [{ kind, entry, by: 'uid:0', leans: { policy: 1 } }] });
    expect(appended.status).toBe('committed');
  };
  const adminCredential = async (options: Partial<Entry>): Promise<TestCredential> => {
    await write('entry-created', options);
    return world.issue({ recorded: { entry: 'entry-1' } });
  };

  test('is who has an entry that says so, with its role and prefix', async () => {
    // DEC-28
    const held = await adminCredential({ admin: { role: 'revoker', prefix } });
    expect((await get('/admin/viewer', held)).json()).toEqual({
      name: WORKLOAD,
      role: 'revoker',
      prefix,
      rights: { id: 'entry-1', revision: 1 },
    });
    const refused = await get('/admin/registrar', held);
    expect([refused.status, refused.json()['code']]).toEqual([403, 'forbidden']);
    expect(denialOf(refused)).toMatchObject({ operation: 'GET /admin/registrar', code: 'forbidden' });
  });

  test('is no admin any more when the entry says so no more', async () => {
    const held = await adminCredential({ admin: { role: 'owner', prefix } });
    expect((await get('/admin/registrar', held)).status).toBe(200);
    await write('entry-updated', { revision: 2 });
    expect((await get('/admin/viewer', held)).status).toBe(403);
  });

  test('is no admin after the entry has ended', async () => {
    const expiresAt = Math.floor(world.clock.now() / 1000) + 60;
    const held = await adminCredential({ admin: { role: 'owner', prefix }, expiresAt });
    expect((await get('/admin/viewer', held)).status).toBe(200);
    world.clock.advance(61_000);
    expect((await get('/admin/viewer', held)).status).toBe(403);
  });

  test('is nobody whose entry is for another identity, or who has none', async () => {
    const other = 'spiffe://example.org/other' as SpiffeId;
    const held = await adminCredential({ spiffeId: other, admin: { role: 'owner', prefix } });
    const refused = await get('/admin/viewer', held);
    expect(refused.status).toBe(403);
    expect(denialOf(refused)).toMatchObject({ spiffeId: WORKLOAD, caller: held.serial });
    expect((await get('/admin/viewer', await world.issue())).status).toBe(403);
    expect((await get('/admin/viewer')).status).toBe(401);
  });
});
