import { deepEqual, equal, match } from 'node:assert/strict';
import type { OutgoingHttpHeaders } from 'node:http2';
import { rawCall } from '../driver/raw-call.ts';
import { check } from '../driver/table.ts';
import { clientOf, entryFor, finished, type Suite, TRUST_DOMAIN } from './suite.ts';

const FETCH = '/SpiffeWorkloadAPI/FetchX509SVID';
const HEADER = { 'workload.spiffe.io': 'true' };
const [OK, INVALID_ARGUMENT, UNIMPLEMENTED] = [0, 3, 12];

const BAD_HEADERS: Readonly<Record<string, OutgoingHttpHeaders>> = {
  missing: {},
  empty: { 'workload.spiffe.io': '' },
  false: { 'workload.spiffe.io': 'false' },
  'in capitals': { 'workload.spiffe.io': 'TRUE' },
  twice: { 'workload.spiffe.io': ['true', 'true'] },
};

/** What clients put there; `host` in its place leaves `:authority` out. */
const authorities = (socket: string): Readonly<Record<string, OutgoingHttpHeaders>> => ({
  localhost: { ':authority': 'localhost' },
  'the name of a cluster': { ':authority': 'spire_agent' },
  'an address': { ':authority': '[::1]:0' },
  'the escaped path': { ':authority': encodeURIComponent(socket.slice(1)) },
  'the path': { ':authority': socket },
  'the path without its first slash': { ':authority': socket.slice(1) },
  'the URL of the socket': { ':authority': `unix:${socket}` },
  'nothing in it': { ':authority': '' },
  'no such header': { host: 'localhost' },
});

/** M12, M13 and M19: what is said before any library speaks. */
export const wireCases = async (suite: Suite): Promise<void> => {
  const { server, agent } = suite;
  const call = (path: string, headers: OutgoingHttpHeaders) => rawCall(agent.socket, path, headers);
  const uid = process.getuid?.() ?? 0;
  await server.entries([entryFor(agent, uid, { id: 'driver', spiffeId: `spiffe://${TRUST_DOMAIN}/driver` })]);
  await new Promise((resolve) => setTimeout(resolve, 1000));

  await check('M12 header', 'raw', 'right', async () => equal((await call(FETCH, HEADER)).code, OK));
  for (const [name, headers] of Object.entries(BAD_HEADERS)) {
    await check('M12 header', 'raw', name, async () => {
      const { code, message } = await call(FETCH, headers);
      equal(code, INVALID_ARGUMENT, message);
      match(message, /security header/);
    });
  }
  await check('M12 header', 'raw', 'not asked for by health and reflection', async () => {
    const paths = ['/grpc.health.v1.Health/Check', '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'];
    const codes = await Promise.all(paths.map(async (path) => (await call(path, {})).code));
    deepEqual(codes, [OK, OK]);
  });
  await check('M12 header', 'raw', 'an unknown method', async () =>
    equal((await call('/SpiffeWorkloadAPI/Nothing', {})).code, UNIMPLEMENTED),
  );
  for (const method of ['FetchJWTSVID', 'ValidateJWTSVID']) {
    await check('M12 header', 'raw', `${method} without an audience`, async () =>
      equal((await call(`/SpiffeWorkloadAPI/${method}`, HEADER)).code, INVALID_ARGUMENT),
    );
  }
  for (const [name, headers] of Object.entries(authorities(agent.socket))) {
    await check('M13 authority', 'raw', name, async () => {
      const { code, message } = await call(FETCH, { ...HEADER, ...headers });
      equal(code, OK, message);
    });
  }
  const wit = clientOf(suite, 'go', ['wit']);
  await check('M19 WIT is off', 'go', 'unimplemented', async () => {
    await finished(wit);
    deepEqual(
      wit.of('error').map((event) => event['code']),
      [UNIMPLEMENTED, UNIMPLEMENTED],
    );
  });
};
