import { once } from 'node:events';
import { checkDataDir } from '../../src/adapters/sqlite/check-ledger.ts';
import type { Answered } from '../support/http.ts';
import { csrOf, type Held, Journey } from '../support/journey.ts';
import { rawConnection } from '../support/raw-connection.ts';
import { newKey } from '../support/x509.ts';

/** More than the server takes at once: what it turns away, what it goes on with, and what is on record afterwards. */
let journey: Journey;
let agent: Held;
beforeAll(async () => {
  journey = await Journey.start();
  agent = await journey.attest({ agent: 'node' });
  await journey.entry('web', { parentId: agent.spiffeId });
});
afterAll(() => journey.stop());

const FLOOD = 240;

interface Item {
  readonly serial?: string;
  readonly jti?: string;
}

const idsOf = (answers: readonly Answered[]): readonly string[] =>
  answers
    .filter(({ status }) => status === 200)
    .flatMap((answer) => (answer.json()['items'] as Item[]).map(({ serial, jti }) => serial ?? jti ?? ''));

/** Everything that was turned away was told so as it should be; the statuses. */
const expectShed = (answers: readonly Answered[]): ReadonlySet<number> => {
  for (const answer of answers.filter(({ status }) => status !== 200)) {
    expect([answer.status, answer.json()['code'], answer.headers['retry-after']]).toEqual([503, 'busy', '1']); // AS-08
  }
  return new Set(answers.map(({ status }) => status));
};

const issuedIds = (): readonly string[] => journey.facts('issued').map(({ id }) => id);

test('a flood is turned away in part, and nobody holds what is not on record', async () => {
  const flood = journey.api(agent, { sockets: FLOOD });
  const before = issuedIds().length;
  const csr = csrOf(newKey());
  const ask = (path: string, item: object) =>
    Promise.all(Array.from({ length: FLOOD }, () => flood.postJson(path, { items: [{ ...item, entryId: 'web' }] })));
  // The first round opens the connections, so that the others arrive at once.
  await ask('/v1/svids/x509', { csr });
  const x509 = await ask('/v1/svids/x509', { csr });
  const jwt = await ask('/v1/svids/jwt', { audience: ['db'] });
  expect(expectShed(x509)).toEqual(new Set([200, 503]));
  expect(expectShed(jwt)).toEqual(new Set([200, 503]));
  const held = [...idsOf(x509), ...idsOf(jwt)];
  const recorded = issuedIds();
  expect(held.filter((id) => !recorded.includes(id))).toEqual([]); // P1
  expect(new Set(held).size).toBe(held.length); // P3
  expect(recorded.length - before).toBeGreaterThanOrEqual(held.length);
  expect(checkDataDir(journey.dataDir).problems).toEqual([]);
  flood.close();
});

test('renewals and probes are served in the midst of it, and all is as usual afterwards', async () => {
  const flood = journey.api(agent, { sockets: FLOOD });
  const renewing = journey.api(agent, { sockets: 8 });
  const own = { items: [{ csr: csrOf(newKey()) }] };
  const flooding = { items: [{ csr: csrOf(newKey()), entryId: 'web' }] };
  const round = () => Array.from({ length: FLOOD }, () => flood.postJson('/v1/svids/x509', flooding));
  await Promise.all([...round(), ...Array.from({ length: 8 }, () => renewing.ask('/livez'))]);
  const shed = Promise.all(round());
  const renewals = await Promise.all(Array.from({ length: 8 }, () => renewing.postJson('/v1/svids/x509', own)));
  expect(renewals.map(({ status }) => status)).toEqual(renewals.map(() => 200));
  expect(await shed.then(expectShed)).toEqual(new Set([200, 503]));
  const more = Promise.all(round());
  expect((await renewing.ask('/livez')).status).toBe(200);
  await more;
  const after = await Promise.all(Array.from({ length: 8 }, () => renewing.postJson('/v1/svids/x509', flooding)));
  expect(after.map(({ status }) => status)).toEqual(after.map(() => 200));
  flood.close();
});

test('hundreds of connections that hang at any point of a request are in nobody’s way', async () => {
  const json = 'Content-Type: application/json\r\nContent-Length: 900\r\nExpect: 100-continue\r\n\r\n';
  const open = async (first: string) => {
    const socket = await rawConnection(journey.server.ready.api, agent, first);
    if (first.endsWith('\r\n\r\n')) {
      await once(socket, 'data');
      socket.write('{');
    }
    socket.pause();
    return socket;
  };
  const kinds = [
    '',
    'POST /v1/svids/x509 HTTP/1.1\r\nhost: x\r\nx-slow: ',
    ...['/v1/attest', '/oauth2/token', '/v1/svids/x509', '/v1/svids/jwt'].map(
      (path) =>
        `POST ${path} HTTP/1.1\r\nhost: x\r\n${path.startsWith('/o') ? json.replace('application/json', 'application/x-www-form-urlencoded') : json}`,
    ),
    `${'GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(15)}GET /`,
  ];
  const sockets = await Promise.all(Array.from({ length: 245 }, (_, at) => open(kinds[at % kinds.length] ?? '')));
  const client = journey.api(agent);
  const item = { audience: ['db'], entryId: 'web' };
  for (let count = 0; count < 10; count += 1) {
    expect((await client.postJson('/v1/svids/jwt', { items: [item] })).status).toBe(200);
  }
  expect((await journey.attest({ agent: 'newcomer' })).spiffeId).toContain('newcomer');
  for (const socket of sockets) socket.destroy();
});
