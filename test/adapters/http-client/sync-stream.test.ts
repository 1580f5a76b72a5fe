import type { Duplex } from 'node:stream';
import { HttpAgentServer } from '../../../src/adapters/http-client/agent-server.ts';
import { readSyncLine } from '../../../src/adapters/http-client/sync-lines.ts';
import { systemTimers } from '../../../src/adapters/system/timers.ts';
import type { ServerMessage } from '../../../src/formats/sync-message.ts';
import type { SyncStream } from '../../../src/ports/agent-server.ts';
import type { Delays } from '../../../src/ports/timers.ts';
import { codeOf, refusalOf } from '../../support/refusals.ts';
import {
  json,
  newAuthority,
  type StandIn,
  type StandInAuthority,
  standInClock,
  startStandIn,
  type StandInOptions,
} from '../../support/server-stand-in.ts';
import { TRUST_DOMAIN } from '../../support/x509.ts';

let authority: StandInAuthority;
const standIns: StandIn[] = [];

beforeAll(async () => {
  authority = await newAuthority();
});

afterAll(() => Promise.all(standIns.map((each) => each.close())));

const serverWith = async (options: Partial<StandInOptions>, delays: Delays = systemTimers) => {
  const standIn = await startStandIn({ authority, ...options });
  standIns.push(standIn);
  const trust = [authority.root.certificate.der];
  return new HttpAgentServer({
    urls: [standIn.url],
    trustDomain: TRUST_DOMAIN,
    trust: () => trust,
    clock: standInClock(),
    delays,
  });
};

const opened = async (upgraded: (socket: Duplex, path: string) => void, signal = new AbortController().signal) =>
  (await serverWith({ upgraded })).sync(undefined, signal);

const readAll = async (stream: SyncStream): Promise<ServerMessage[]> => {
  const messages: ServerMessage[] = [];
  for await (const message of stream) messages.push(message);
  return messages;
};

const line = (message: unknown): string => `${JSON.stringify(message)}\n`;
const HEARTBEAT = { type: 'heartbeat', time: 1 } as const;
const welcome = (lease: number) =>
  ({ type: 'welcome', version: 1, heartbeat: 1, lease, x509Ttl: 3600, jwtTtl: 300 }) as const;

test('what the server says comes in order, however the octets are cut', async () => {
  const said: ServerMessage[] = [
    welcome(5),
    { type: 'reset' },
    {
      type: 'entries',
      entries: [{ id: 'a', revision: 1, spiffeId: 'spiffe://example.org/ä', selectors: ['unix:uid:1'], createdAt: 5 }],
      removed: ['b'],
    },
    { type: 'cursor', cursor: { epoch: 1, index: 7 } },
    { type: 'bye', reason: 'shutdown' },
  ];
  const octets = Buffer.from(said.map(line).join(''));
  const stream = await opened((socket) => {
    for (let at = 0; at < octets.length; at += 7) socket.write(octets.subarray(at, at + 7));
    socket.end();
  });
  expect(await readAll(stream)).toEqual(said);
});

test('it asks for what comes after a place', async () => {
  const paths: string[] = [];
  const server = await serverWith({
    upgraded: (socket, path) => {
      paths.push(path);
      socket.end();
    },
  });
  const { signal } = new AbortController();
  await readAll(await server.sync({ epoch: 3, index: 12 }, signal));
  await readAll(await server.sync(undefined, signal));
  expect(paths).toEqual(['/v1/sync?after=3.12', '/v1/sync']);
});

test('types and members that are not known are left aside', async () => {
  const stream = await opened((socket) => {
    socket.end(line({ type: 'weather', sky: 'blue' }) + line({ ...HEARTBEAT, mood: 'good' }) + line({ sky: 1 }));
  });
  expect(await readAll(stream)).toEqual([HEARTBEAT]);
});

test.each([
  ['no JSON', 'hello'],
  ['a member twice', '{"type":"heartbeat","time":1,"time":2}'],
  ['a list', '[]'],
  ['a known message with a member missing', line({ type: 'cursor' }).trim()],
  [
    'a predicate that is not known',
    line({
      type: 'revocations',
      revocations: [{ id: 'r', target: { kind: 'identity', value: 'x' }, predicates: ['cutoff', 'melt'], index: 1 }],
      removed: [],
    }).trim(),
  ],
  ['a version that is not known', line({ ...welcome(5), version: 2 }).trim()],
  ['a lease without end', line(welcome(1e9)).trim()],
])('%s is not read', (_name, text) => {
  expect(() => readSyncLine(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'unavailable' }));
});

test('a line without end is cut off', async () => {
  const stream = await opened((socket) => {
    const chunk = Buffer.alloc(256 * 1024, 0x20);
    const more = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on('drain', more);
    more();
  });
  expect((await refusalOf(readAll(stream))).message).toContain('a line that is too long');
});

test('silence for the lease is the end (DEC-36)', async () => {
  const stream = await opened((socket) => socket.write(line(welcome(0.2)) + line(HEARTBEAT)));
  const heard: ServerMessage[] = [];
  const refusal = await refusalOf(async () => {
    for await (const message of stream) heard.push(message);
  });
  expect(heard).toHaveLength(2);
  expect([refusal.code, refusal.message]).toEqual(['unavailable', expect.stringContaining('nothing came for 0.2 s')]);
});

test('what a connection that is cut leaves unfinished is not read', async () => {
  const stream = await opened((socket) => {
    socket.write(`${line(HEARTBEAT)}{"type":"cursor","cur`, () => socket.destroy());
  });
  const heard: ServerMessage[] = [];
  for await (const message of stream) heard.push(message);
  expect(heard).toEqual([HEARTBEAT]);
});

test('what the agent says arrives, and nothing is said after the end', async () => {
  const heard = Promise.withResolvers<string>();
  const stream = await opened((socket) => socket.once('data', (chunk: Buffer) => heard.resolve(chunk.toString())));
  expect(stream.say({ type: 'ack', cursor: { epoch: 1, index: 2 } })).toBe(true);
  expect(await heard.promise).toBe(line({ type: 'ack', cursor: { epoch: 1, index: 2 } }));
  stream.close();
  expect(stream.say({ type: 'resync' })).toBe(false);
});

test('what a server does not read is dropped in the end, and does not pile up', async () => {
  const stream = await opened((socket) => socket.pause());
  const denial = { id: 'd', operation: 'x'.repeat(60_000), reason: 'r', selectors: [] };
  let said = 0;
  while (said < 1000 && stream.say({ type: 'denials', denials: [denial] })) said += 1;
  expect(said).toBeLessThan(1000);
  stream.close();
});

test('no lease runs while the reader works', async () => {
  const full = Promise.withResolvers<void>();
  let sent = 0;
  const running = new Set<object>();
  const delays: Delays = {
    after: (delayMs, work) => {
      const stop = systemTimers.after(delayMs, work);
      const one = {};
      running.add(one);
      return () => {
        running.delete(one);
        stop();
      };
    },
  };
  const upgraded = (socket: Duplex): void => {
    const chunk = line(HEARTBEAT).repeat(4096);
    while (sent < 64 * 1024 * 1024) {
      sent += chunk.length;
      if (!socket.write(chunk) && sent > 1024 * 1024) break;
    }
    full.resolve();
  };
  const server = await serverWith({ upgraded }, delays);
  const stream = await server.sync(undefined, new AbortController().signal);
  await full.promise;
  const messages = stream[Symbol.asyncIterator]();
  expect((await messages.next()).value).toEqual(HEARTBEAT);
  expect(running.size).toBe(0);
  stream.close();
});

test('an abort ends it, before and after it was taken up', async () => {
  const abort = new AbortController();
  const stream = await opened(() => undefined, abort.signal);
  const reading = readAll(stream);
  abort.abort();
  expect(await reading).toEqual([]);
  const server = await serverWith({ upgraded: () => undefined });
  expect(await codeOf(server.sync(undefined, abort.signal))).toBe('unavailable');
});

test('a server that refuses to be upgraded says why', async () => {
  const answer: StandInOptions['answer'] = (_request, response) =>
    json(response, 503, { code: 'busy', detail: 'full' }, { 'retry-after': '3' });
  const server = await serverWith({ answer, refuseUpgrade: true });
  const refusal = await refusalOf(server.sync(undefined, new AbortController().signal));
  expect([refusal.code, refusal.retryAfter]).toEqual(['busy', 3]);
});

test('another protocol is not taken up', async () => {
  const server = await serverWith({ upgradeTo: 'websocket' });
  expect(await codeOf(server.sync(undefined, new AbortController().signal))).toBe('unavailable');
});
