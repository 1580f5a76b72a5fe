import { once } from 'node:events';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { remoteAdminApi } from '../../src/adapters/http-client/remote-admin.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { encodePem } from '../../src/formats/pem.ts';
import { foreign } from '../support/foreign-certificates.ts';
import type { Answered } from '../support/http.ts';
import { type Held, Journey } from '../support/journey.ts';
import type { ClientCertificate } from '../support/journey-client.ts';
import { testTime } from '../support/journey-time.ts';

/** Who a caller is, told from its TLS connection alone, on two front ends (DEC-19). */
let journey: Journey;
let agent: Held;

beforeAll(async () => {
  journey = await Journey.start({ frontEnds: 2 });
  agent = await journey.attest({ agent: 'node' });
  await journey.entry('web', { parentId: agent.spiffeId });
});

afterAll(() => journey.stop());

const BODY = { items: [{ audience: ['db'], entryId: 'web' }] };

/** The answers to the same request over eight connections, which both front ends share. */
const askAll = (certificate?: ClientCertificate, from = journey): Promise<readonly Answered[]> =>
  Promise.all(Array.from({ length: 8 }, () => from.api(certificate).postJson('/v1/svids/jwt', BODY)));

/** All refused alike; a word on why is for operators only. */
const expectRefused = (answers: readonly Answered[]): void => {
  for (const answer of answers) {
    const { decision, ...rest } = answer.json();
    expect([answer.status, rest['code']]).toEqual([401, 'unauthenticated']);
    expect(rest['detail']).toBe('a client certificate that is accepted here is required');
    expect(decision).toEqual(expect.stringMatching(/^[0-9a-f]{32}$/));
  }
};

const statuses = (answers: readonly Answered[]): readonly number[] => answers.map(({ status }) => status);

const OK = Array.from({ length: 8 }, () => 200);

test('the whole chain is accepted, and the leaf alone as well', async () => {
  expect(statuses(await askAll(agent))).toEqual(OK);
  const leaf = { ...agent, cert: encodePem('CERTIFICATE', agent.chain[0] ?? Buffer.alloc(0)) };
  expect(statuses(await askAll(leaf))).toEqual(OK);
});

test('no certificate', async () => {
  expectRefused(await askAll());
});

test('the same names under another installation’s CA', async () => {
  const other = await Journey.start();
  const twin = await other.attest({ agent: 'node' });
  expect(twin.spiffeId).toBe(agent.spiffeId);
  await other.stop();
  expectRefused(await askAll(twin));
  // Our own CA beside a strange leaf makes it no better.
  const mixed = {
    ...twin,
    cert:
      twin.cert +
      agent.chain
        .slice(1)
        .map((der) => encodePem('CERTIFICATE', der))
        .join(''),
  };
  expectRefused(await askAll(mixed));
});

test('a self-made certificate, and one that names nobody', async () => {
  const now = Math.floor(Date.now() / 1000);
  for (const uris of [[agent.spiffeId], []]) {
    const { der, keys } = await foreign({ name: 'self', uris, notBefore: now - 60, notAfter: now + 60 });
    const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
    expectRefused(await askAll({ cert: encodePem('CERTIFICATE', der), keyPem: encodePem('PRIVATE KEY', pkcs8) }));
  }
});

test('a chain that is too long is no matter, one that is huge is no connection', async () => {
  const more = Array.from({ length: 12 }, () => agent.cert).join('');
  expect(statuses(await askAll({ ...agent, cert: agent.cert + more }))).toEqual(OK);
  const huge = { ...agent, cert: agent.cert + Array.from({ length: 200 }, () => agent.cert).join('') };
  await expect(askAll(huge)).rejects.toThrow(/ssl|excessive|reset|EPIPE|hang up/i);
  expect(statuses(await askAll(agent))).toEqual(OK);
});

test('an expired one, also on the connection that it opened while it was good', async () => {
  const { clock, timers } = testTime();
  const other = await Journey.start({ clock, timers });
  await other.entry('job');
  const held = await other.attest({ entry: 'job' });
  const kept = other.api(held);
  const ask = () => kept.postJson('/v1/svids/jwt', { items: [{ audience: ['db'] }] });
  expect((await ask()).status).toBe(200);
  clock.set(held.notAfter * 1000);
  expect((await ask()).status).toBe(200);
  clock.set(held.notAfter * 1000 + 1000);
  expectRefused([await ask(), ...(await askAll(held, other))]);
  clock.set((held.notBefore - 1) * 1000);
  expectRefused([await ask()]);
  clock.set(held.notAfter * 1000);
  await other.stop();
});

test('what comes from outside of TLS makes nobody anybody', async () => {
  const headers = {
    'content-type': 'application/json',
    'x-forwarded-client-cert': `URI=${agent.spiffeId}`,
    'x-forwarded-for': '127.0.0.1',
    authorization: 'Bearer x',
  };
  const answer = await journey.api().ask('/v1/svids/jwt', { method: 'POST', headers, body: JSON.stringify(BODY) });
  expectRefused([answer]);
});

const handshake = async (options: ConnectionOptions): Promise<TLSSocket> => {
  const { hostname, port } = new URL(journey.server.ready.api);
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  return socket;
};

/**
 * Asks for something on a bare connection, so that tickets, if there are any, have come. Those of TLS 1.2 come with the
 * handshake, and a closed connection gives no session.
 */
const sessionsOf = async (options: ConnectionOptions): Promise<readonly Buffer[]> => {
  const socket = await handshake(options);
  const own = socket.getSession();
  const sessions: Buffer[] = own ? [own] : [];
  socket.on('session', (session: Buffer) => sessions.push(session));
  socket.write('GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  socket.resume();
  await once(socket, 'close');
  return sessions;
};

test.each(['TLSv1.2', 'TLSv1.3'] as const)('no session is resumed with %s', async (version) => {
  const tls = { minVersion: version, maxVersion: version, cert: agent.cert, key: agent.keyPem };
  const sessions = await sessionsOf(tls);
  expect(sessions.length).toBeGreaterThan(0); // there is something to try
  for (const session of sessions) {
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const socket = await handshake({ ...tls, session });
      expect(socket.isSessionReused()).toBe(false); // DEC-19
      socket.destroy();
    }
  }
});

test('old versions of TLS are refused', async () => {
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await expect(handshake(old)).rejects.toThrow(/protocol|version|alert/i);
});

test('every refusal is on record, with the serial where one is known', async () => {
  const denied = journey.facts('denied').filter(({ code }) => code === 'unauthenticated');
  expect(denied.length).toBeGreaterThan(0);
  expect(new Set(denied.map(({ operation }) => operation))).toEqual(new Set(['POST /v1/svids/jwt']));
});

test('remote administration: the role and prefix of the entry, and only under the right roots', async () => {
  await journey.entry('ops', { admin: { role: 'registrar', prefix: 'spiffe://example.org/team' } });
  const ops = await journey.attest({ entry: 'ops' });
  const bundle = journey
    .roots()
    .map((der) => encodePem('CERTIFICATE', der))
    .join('');
  const url = new URL(journey.server.ready.api);
  const now = () => systemClock.now();
  const remote = remoteAdminApi({ url, certificate: ops.cert, key: Buffer.from(ops.keyPem), bundle, now });
  const create = (spiffeId: string) =>
    remote.call({ method: 'POST', path: '/v1/admin/entries', body: { spiffeId, selectors: ['test:1'] } });
  expect((await create('spiffe://example.org/team/a')).status).toBe(201);
  await expect(create('spiffe://example.org/teams/a')).rejects.toMatchObject({ status: 403, code: 'forbidden' });
  const body = { target: { kind: 'identity', value: agent.spiffeId }, confirm: true };
  const revoke = remote.call({ method: 'POST', path: '/v1/admin/revocations', body });
  await expect(revoke).rejects.toMatchObject({ status: 403 }); // DEC-28
  const owner = remote.call({
    method: 'POST',
    path: '/v1/admin/entries',
    body: {
      spiffeId: 'spiffe://example.org/team/o',
      selectors: ['test:1'],
      admin: { role: 'owner', prefix: 'spiffe://example.org' },
    },
  });
  await expect(owner).rejects.toMatchObject({ status: 403 });

  const stranger = await Journey.start();
  const others = stranger
    .roots()
    .map((der) => encodePem('CERTIFICATE', der))
    .join('');
  await stranger.stop();
  const misled = remoteAdminApi({ url, certificate: ops.cert, key: Buffer.from(ops.keyPem), bundle: others, now });
  await expect(misled.call({ method: 'GET', path: '/v1/admin/entries' })).rejects.toThrow('not good under the bundle'); // DEC-18
});
