import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { credentials, type ServiceClientConstructor, status } from '@grpc/grpc-js';
import type { WorkloadState } from '../../../src/agent/workload-session.ts';
import { peerCredentials } from '../../../src/adapters/system/peer-credentials.ts';
import {
  EMPTY_MESSAGE,
  END_HEADERS,
  frame,
  grpcHeaders,
  HEADERS,
  RawHttp2,
  SECURITY,
  WINDOW_UPDATE,
  X509_PATH,
} from '../../support/raw-http2.ts';
import {
  callOnce,
  connectWorkload,
  openStream,
  startWorkloadApi,
  type WorkloadClient,
  type WorkloadWorld,
} from '../../support/workload-stand-in.ts';

const worlds: WorkloadWorld[] = [];
const start = async (...options: Parameters<typeof startWorkloadApi>): Promise<WorkloadWorld> => {
  const world = await startWorkloadApi(...options);
  worlds.push(world);
  return world;
};
const clients: WorkloadClient[] = [];
const connectTo = (world: WorkloadWorld, Client?: ServiceClientConstructor): WorkloadClient => {
  const client =
    Client === undefined
      ? connectWorkload(world.path)
      : new Client(`unix:${world.path}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  clients.push(client);
  return client;
};
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(worlds.splice(0).map((world) => world.stop()));
});

/** Until `isSo`, as told by what the event loop has still to do. */
const eventually = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise<void>((resolve) => setImmediate(resolve));
};

describe('the end of the agent', () => {
  test('ends every stream with Unavailable, never otherwise, and then the connections (WLE-18)', async () => {
    const world = await start();
    const client = connectTo(world);
    const streams = ['FetchX509SVID', 'FetchX509Bundles', 'FetchJWTBundles', 'FetchX509SVID'].map((method) =>
      openStream(client, method),
    );
    for (const stream of streams) await stream.next();
    const idle = await RawHttp2.open(world.path);
    await world.api.close();
    for (const stream of streams) {
      expect(await stream.ended()).toMatchObject({ code: status.UNAVAILABLE, details: 'the agent is shutting down' });
    }
    expect([world.api.connections(), world.sessions.closed]).toEqual([0, 2]);
    await idle.closed();
    await expect(stat(world.path)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(once(connect(world.path), 'connect')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('lets a call under way end', async () => {
    const world = await start();
    const answer = Promise.withResolvers<never[]>();
    const asked = Promise.withResolvers<void>();
    world.sessions.overrides = {
      jwtSvids: () => {
        asked.resolve();
        return answer.promise;
      },
    };
    const call = callOnce(connectTo(world), 'FetchJWTSVID', { audience: ['a'] });
    await asked.promise;
    const closed = world.api.close();
    answer.resolve([]);
    expect(await call).toEqual({ svids: [] });
    await closed;
  });

  test('does not wait for who never ends', async () => {
    const world = await start({ limits: { graceMs: 50 } });
    const asked = Promise.withResolvers<void>();
    world.sessions.overrides = {
      jwtSvids: () => {
        asked.resolve();
        return new Promise(() => undefined);
      },
    };
    const call = callOnce(connectTo(world), 'FetchJWTSVID', { audience: ['a'] });
    call.catch(() => undefined);
    await asked.promise;
    const silent = connect(world.path).on('error', () => undefined);
    await eventually(() => world.api.connections() === 2);
    await world.api.close();
    await expect(call).rejects.toMatchObject({ code: status.UNAVAILABLE });
    expect(world.api.connections()).toBe(0);
    silent.destroy();
  });
});

describe('slow readers', () => {
  test('get the newest state when they read again, and hold up nobody', async () => {
    const world = await start();
    const slow = await RawHttp2.open(world.path, Buffer.from('000400000000', 'hex'));
    slow.send(frame(HEADERS, END_HEADERS, 1, Buffer.concat([...grpcHeaders(X509_PATH), SECURITY])));
    slow.send(frame(0, 1, 1, EMPTY_MESSAGE));
    const quick = openStream(connectTo(world), 'FetchX509SVID');
    await quick.next();
    await eventually(() => world.sessions.watchers.size === 2);
    const numbered = (at: number): WorkloadState => ({
      ...world.sessions.state,
      svids: world.sessions.state.svids.map((svid) => ({ ...svid, hint: `state ${at}` })),
    });
    for (let at = 1; at <= 300; at++) world.sessions.change(numbered(at));
    let last = await quick.next();
    while (!JSON.stringify(last).includes('state 300')) last = await quick.next();
    // A window at last: the oldest that was under way, then the newest, and nothing between.
    slow.send(frame(WINDOW_UPDATE, 0, 1, Buffer.of(0, 1, 0, 0)));
    await slow.until(() => Buffer.concat(slow.frames.map(({ content }) => content)).includes('state 300'));
    const text = Buffer.concat(slow.frames.map(({ content }) => content)).toString('latin1');
    expect(text.match(/state \d+/g)?.length ?? 0).toBeLessThanOrEqual(2);
    slow.close();
  });
});

describe('connections', () => {
  test('are looked at before they say a word, and forgotten when they go', async () => {
    const world = await start();
    const sockets = await Promise.all(
      Array.from({ length: 200 }, async (_, at) => {
        const socket = connect(world.path);
        await once(socket, 'connect');
        if (at % 2 === 0) socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0');
        return socket;
      }),
    );
    await eventually(() => world.sessions.opened === 200);
    expect(world.api.connections()).toBe(200);
    for (const socket of sockets) socket.destroy();
    await eventually(() => world.api.connections() === 0);
    expect([world.sessions.closed, world.sessions.watchers.size]).toEqual([200, 0]);
    expect(world.lines).toEqual([]);
  });

  test('of one user are limited, those of others are not', async () => {
    let uid = 1;
    const world = await start({ peerUid: () => uid, limits: { connections: 3, connectionsPerUid: 2 } });
    const open = async (): Promise<boolean> => {
      const raw = await RawHttp2.open(world.path);
      raw.request(1, [...grpcHeaders(X509_PATH), SECURITY]);
      return (await raw.answer(1)).data.length > 0;
    };
    expect([await open(), await open(), await open()]).toEqual([true, true, false]);
    uid = 2;
    expect([await open(), await open()]).toEqual([true, false]);
    expect(world.lines).toEqual(['warn too many connections to the workload API']);
  });

  test('that say nothing go', async () => {
    const world = await start({ limits: { prefaceMs: 20 } });
    const silent = await RawHttp2.connect(world.path);
    const slow = await RawHttp2.connect(world.path);
    slow.send(Buffer.from('PRI * HTTP'));
    const patient = openStream(connectTo(world), 'FetchX509SVID');
    await patient.next();
    await Promise.all([silent.closed(), slow.closed()]);
    world.sessions.change({ ...world.sessions.state, federated: [], svids: [...world.sessions.state.svids].reverse() });
    await eventually(() => world.api.connections() === 1);
    expect(world.sessions.closed).toBe(2);
  });

  test.each<[string, object]>([
    [
      'the user is not known',
      {
        peerUid: () => {
          throw new Error('nobody');
        },
      },
    ],
    [
      'nobody can be told',
      {
        sessions: {
          open: () => {
            throw new Error('nobody');
          },
        },
      },
    ],
  ])('are dropped when %s', async (_name, options) => {
    const world = await start(options);
    const raw = await RawHttp2.open(world.path);
    await raw.closed();
    await eventually(() => world.api.connections() === 0);
    expect(raw.frames).toEqual([]);
    expect(world.lines).toEqual(['warn a connection to the workload API was dropped']);
  });

  test('come with a descriptor that the kernel knows the peer of', async () => {
    const seen: unknown[] = [];
    const world = await start({
      peerUid: (descriptor) => {
        const { uid, pid } = peerCredentials(descriptor);
        seen.push({ uid, pid });
        return uid;
      },
    });
    await openStream(connectTo(world), 'FetchX509SVID').next();
    expect(seen).toEqual([{ uid: process.getuid?.(), pid: process.pid }]);
  });
});
