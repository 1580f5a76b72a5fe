import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { readCertificate } from '../../src/formats/certificate.ts';
import type { ServerMessage } from '../../src/formats/sync-message.ts';
import type { OwnSvid } from '../../src/ports/agent-state.ts';
import { newOwnSvid } from '../support/agent-folder.ts';
import { type FollowScript, followScript, HEAD, say } from '../support/followed-script.ts';
import { eventually } from '../support/manual-time.ts';
import { json, newAuthority } from '../support/server-stand-in.ts';
import { issueLeaf, leafPlan, newCa, newKey, TRUST_DOMAIN } from '../support/x509.ts';

/** What an agent makes of a server that goes away, is full, says odd things, or refuses it. */
let svid: OwnSvid;
const cleanUp: (() => void | Promise<void>)[] = [];

beforeAll(async () => {
  svid = await newOwnSvid();
});

afterEach(async () => {
  for (const each of cleanUp.splice(0).reverse()) await each();
});

const follow = (script: Omit<FollowScript, 'svid' | 'cleanUp'>) => followScript({ ...script, svid, cleanUp });

const LIVES = { heartbeat: 5, lease: 15, x509Ttl: 3600, jwtTtl: 300 };
const WELCOME: ServerMessage = { type: 'welcome', version: 1, ...LIVES };
const ENTRY = { id: 'a', revision: 1, spiffeId: 'spiffe://example.org/a', selectors: ['unix:uid:1'], createdAt: 1 };
const cursor = (index: number): ServerMessage => ({ type: 'cursor', cursor: { epoch: 1, index } });
const bye = (reason: 'shutdown' | 'overload' | 'expired' | 'revoked'): ServerMessage => ({ type: 'bye', reason });

/** For what takes many connections. */
const MANY_TURNS = 1_000_000;

test('each cursor is acknowledged once it was committed', async () => {
  const heard: string[] = [];
  const { told } = await follow({
    sync: (socket) => {
      socket.on('data', (chunk: Buffer) => heard.push(...chunk.toString().trim().split('\n')));
      say(socket, WELCOME, { type: 'reset' }, { type: 'entries', entries: [ENTRY], removed: [] }, cursor(3));
      say(socket, { type: 'entries', entries: [], removed: ['a'] }, cursor(4), { type: 'recorded', ids: ['d'] });
    },
  });
  await eventually(() => heard.length === 2);
  expect(heard.map((line) => JSON.parse(line) as unknown)).toEqual([
    { type: 'ack', cursor: { epoch: 1, index: 3 } },
    { type: 'ack', cursor: { epoch: 1, index: 4 } },
  ]);
  await eventually(() => told.length === 8);
  expect(told).toEqual(['lives 3600', 'reset', '+a', 'commit', 'changes', '-a', 'commit', 'recorded d']);
});

test('that all is void is acknowledged once everything is forgotten, at the place that the goodbye names', async () => {
  const heard: string[] = [];
  const atEnd: (readonly string[])[] = [];
  const { told } = await follow({
    sync: (socket) => {
      socket.on('data', (chunk: Buffer) => {
        heard.push(...chunk.toString().trim().split('\n'));
        atEnd.push([...told]);
      });
      say(socket, { type: 'bye', reason: 'revoked', cursor: { epoch: 1, index: 12 } });
    },
  });
  await eventually(() => heard.length === 1);
  expect(heard.map((line) => JSON.parse(line) as unknown)).toEqual([{ type: 'ack', cursor: { epoch: 1, index: 12 } }]);
  expect(atEnd[0]).toContain('forgotten');
});

test('heartbeats that were held back on the way count from when they were said (DEC-36)', async () => {
  let server: Duplex | undefined;
  const { follower, clock, held } = await follow({
    sync: (socket) => {
      server = socket;
      say(socket, { type: 'welcome', version: 1, ...LIVES, elapsed: 90_000 }, { type: 'reset' }, cursor(3));
    },
  });
  await eventually(() => held() !== undefined && follower.isCurrent());
  const start = clock.now();
  expect(follower.lastHeard()).toBe(start);
  clock.advance(600_000);
  if (server) say(server, { type: 'heartbeat', time: start + 5000, elapsed: 95_000 });
  await eventually(() => follower.lastHeard() !== start);
  expect(follower.lastHeard()).toBe(start + 5000);
});

test('what was told and not finished is dropped with its connection', async () => {
  const paths: string[] = [];
  const { told, held, synced } = await follow({
    sync: (socket, path, time) => {
      paths.push(path);
      if (time === 1) say(socket, { type: 'reset' }, { type: 'entries', entries: [ENTRY], removed: [] });
      else say(socket, { type: 'reset' }, cursor(9));
      if (time === 1) socket.end();
    },
  });
  await eventually(() => held() !== undefined);
  expect(told).toEqual(['reset', '+a', 'reset', 'commit']);
  expect([paths, synced()]).toEqual([['/v1/sync', '/v1/sync'], 2]);
});

test('it greets with the newest head before anything else, and goes on from what it holds', async () => {
  const bodies: string[] = [];
  const paths: string[] = [];
  const { heads } = await follow({
    held: { epoch: 1, index: 7 },
    head: '{"size":1,"unknown":["kept"]}',
    hello: (request, response) => {
      request.on('data', (chunk: Buffer) => bodies.push(chunk.toString()));
      request.on('end', () => json(response, 200, { head: HEAD, resync: false }));
    },
    sync: (_socket, path) => paths.push(path),
  });
  await eventually(() => paths.length === 1);
  expect(bodies).toEqual(['{"head":{"size":1,"unknown":["kept"]}}']); // DEC-11
  expect(paths).toEqual(['/v1/sync?after=1.7']);
  expect(JSON.parse(heads.at(-1) ?? '')).toEqual(HEAD);
});

test('when the server says so, it begins anew (DEC-10)', async () => {
  const paths: string[] = [];
  await follow({
    held: { epoch: 1, index: 7 },
    hello: (_request, response) => json(response, 200, { head: HEAD, resync: true }),
    sync: (_socket, path) => paths.push(path),
  });
  await eventually(() => paths.length === 1);
  expect(paths).toEqual(['/v1/sync']);
});

test('another agent than before begins anew', async () => {
  const paths: string[] = [];
  const { become, held } = await follow({
    sync: (socket, path, time) => {
      paths.push(path);
      say(socket, { type: 'reset' }, cursor(9), ...(time === 1 ? [bye('expired')] : []));
    },
  });
  await eventually(() => held() !== undefined);
  become(await newOwnSvid({ spiffeId: 'spiffe://example.org/mayfly/agent/join_token/two' }));
  await eventually(() => paths.length >= 2);
  expect(new Set(paths)).toEqual(new Set(['/v1/sync']));
});

test.each([
  ['shutdown', 250, 1000],
  ['overload', 1000, 10_000],
] as const)('after `%s` it comes back in %i to %i ms', async (reason, least, most) => {
  const { pauses, synced } = await follow({
    sync: (socket, _path, time) => {
      say(socket, { type: 'reset' }, cursor(time), bye(reason));
    },
  });
  await eventually(() => synced() > 12, MANY_TURNS);
  // It held something each time, so that no pause is longer than a first one.
  expect(pauses.every((ms) => ms >= least && ms <= most)).toBe(true);
  expect(new Set(pauses.map((ms) => Math.round(ms / 10))).size).toBeGreaterThan(5);
});

test('a server with many agents says over how long they are to come back, and they do', async () => {
  const { pauses, synced } = await follow({
    sync: (socket, _path, time) => {
      say(socket, { type: 'reset' }, cursor(time), { type: 'bye', reason: 'shutdown', within: 40 });
    },
  });
  await eventually(() => synced() > 12, MANY_TURNS);
  expect(Math.max(...pauses)).toBeGreaterThan(10_000);
  expect(pauses.every((ms) => ms >= 250 && ms <= 40_000)).toBe(true);
});

test('no server keeps its agents away for longer than a minute by that', async () => {
  const { pauses, synced } = await follow({
    sync: (socket, _path, time) => {
      say(socket, { type: 'reset' }, cursor(time), { type: 'bye', reason: 'overload', within: 1_000_000 });
    },
  });
  await eventually(() => synced() > 12, MANY_TURNS);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(60_000);
});

test('when nothing comes of it, pauses grow, up to half a minute', async () => {
  const { pauses, greeted } = await follow({ hello: (_q, response) => json(response, 503, {}), sync: () => undefined });
  await eventually(() => greeted() > 20, MANY_TURNS);
  expect(pauses[0]).toBeLessThanOrEqual(2000);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(30_000);
  expect(Math.max(...pauses)).toBeGreaterThan(10_000);
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(250);
});

test('Retry-After is waited for, and not by all to the same moment', async () => {
  const { pauses, greeted } = await follow({
    hello: (_q, response) => json(response, 429, { code: 'rate_limited', detail: 'x' }, { 'retry-after': '40' }),
    sync: () => undefined,
  });
  await eventually(() => greeted() > 6, MANY_TURNS);
  expect(pauses.every((ms) => ms >= 40_000 && ms <= 60_000)).toBe(true);
  expect(new Set(pauses).size).toBe(pauses.length);
});

test.each([
  ['revoked', 'revoked'],
  ['expired', 'refused'],
] as const)('`%s` says something of its identity', async (reason, what) => {
  const { identity } = await follow({ sync: (socket) => say(socket, bye(reason)) });
  await eventually(() => identity.includes(what));
  expect(identity.slice(0, 2)).toEqual(['accepted', what]);
});

test('a server that does not know it any more is told of, and one that takes no writes is not', async () => {
  const refusing = (code: string, status: number) => ({
    hello: (_request: IncomingMessage, response: ServerResponse) => json(response, status, { code, detail: 'no' }),
    sync: () => undefined,
  });
  const unknown = await follow(refusing('unauthenticated', 401));
  await eventually(() => unknown.identity.includes('refused'));
  const stopped = await follow(refusing('read_only', 503));
  await eventually(() => stopped.greeted() > 3);
  expect(stopped.identity).toEqual([]);
});

test('without an identity it waits for one, and asks nothing', async () => {
  const { become, greeted, pauses } = await follow({ starts: false, sync: () => undefined });
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect([greeted(), pauses]).toEqual([0, []]);
  become(svid);
  await eventually(() => greeted() === 1);
});

const bundle = (tainted: readonly string[], x509Authorities: readonly string[] = []): ServerMessage => ({
  type: 'bundle',
  bundle: { trustDomain: TRUST_DOMAIN, sequence: 1, x509Authorities, jwtKeys: [] },
  tainted,
});

const newRoot = async (): Promise<string> => Buffer.from((await newCa()).certificate.der).toString('base64');

test('when an authority is gone, the server has to prove itself anew; when one is new, it has not', async () => {
  const paths: string[] = [];
  const [old, young] = await Promise.all([newRoot(), newRoot()]);
  const { held, identity } = await follow({
    sync: (socket, path, time) => {
      paths.push(path);
      if (time === 1) say(socket, bundle([], [old]), cursor(1), bundle([], [old, young]), cursor(2));
      if (time === 2) say(socket, bundle([], [young]), cursor(3));
      if (time === 1) say(socket, bundle([], [young]), cursor(3));
    },
  });
  await eventually(() => paths.length === 2 && held()?.index === 3);
  expect(paths).toEqual(['/v1/sync', '/v1/sync?after=1.3']);
  // Its own SVID is under neither.
  expect(identity.filter((each) => each === 'cut off')).toHaveLength(1);
});

test('while the root above its SVID stays, that is cut off by nothing', async () => {
  const { root, issuing } = await newAuthority();
  const key = newKey();
  const leaf = await issueLeaf(issuing, leafPlan(issuing, key));
  const own = await newOwnSvid({ chain: [leaf, issuing.certificate.der], key: key.privateKey });
  const [ours, other] = [Buffer.from(root.certificate.der).toString('base64'), await newRoot()];
  const { identity, held } = await followScript({
    sync: (socket) => say(socket, bundle([], [ours, other]), cursor(1), bundle([], [ours]), cursor(2)),
    svid: own,
    cleanUp,
  });
  await eventually(() => held()?.index === 2);
  expect(identity).not.toContain('cut off');
});

test('tainted: the identity is renewed when its own authority is, and only then (DEC-22)', async () => {
  const { authorityKeyId } = readCertificate(svid.chain[0] ?? new Uint8Array());
  const own = Buffer.from(authorityKeyId ?? []).toString('hex');
  let speak: Duplex | undefined;
  const { identity, told } = await follow({
    sync: (socket) => {
      speak = socket;
      say(socket, bundle(['ab'.repeat(20)]), cursor(1));
    },
  });
  await eventually(() => told.includes('commit'));
  expect(identity).toEqual(['accepted']);
  if (speak) say(speak, bundle(['ab'.repeat(20), own]), cursor(2));
  await eventually(() => identity.includes('renew'));
});

test('the last word is that of a connection on which everything holds', async () => {
  let speak: Duplex | undefined;
  const { follower, told } = await follow({
    sync: (socket) => {
      speak = socket;
      say(socket, WELCOME, { type: 'heartbeat', time: 1 }, { type: 'reset' }, { type: 'heartbeat', time: 2 });
    },
  });
  await eventually(() => told.includes('reset'));
  expect([follower.lastHeard(), follower.isCurrent()]).toEqual([undefined, false]);
  if (speak) say(speak, cursor(1));
  await eventually(() => follower.isCurrent());
  expect(follower.lastHeard()).toBeDefined();
  expect(follower.say({ type: 'resync' })).toBe(true);
});
