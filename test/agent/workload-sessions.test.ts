import { decodeJwt, SignJWT, generateKeyPair } from 'jose';
import { Refusal } from '../../src/domain/refusal.ts';
import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import { pathsOf, startHoldings, stream, type TestHoldings } from '../support/agent-holdings.ts';
import { startAgentWorld, type AgentWorld } from '../support/agent-world.ts';
import { eventually, manualTime, type ManualTime } from '../support/manual-time.ts';
import { codeOf, refusalOf } from '../support/refusals.ts';

/** Workloads served from what real issuance gave; time passes when told. */

let world: AgentWorld;
let time: ManualTime;
let agent: TestHoldings;

const UID = 'unix:uid:1000';
const turns = async (count = 30): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((go) => setImmediate(go));
};

/** Lets small timers run: what is put off to let others work. */
const settle = async (): Promise<void> => {
  for (let round = 0; round < 5; round += 1) {
    time.pass(0);
    await turns(3);
  }
};

let names = 0;
const fresh = (): string => `s${(names += 1)}`;

beforeAll(async () => {
  world = await startAgentWorld();
});
beforeEach(() => {
  time = manualTime(world.it.ledger.clock);
  agent = startHoldings(world, time);
});
afterEach(async () => {
  agent.holdings.stop();
  world.outage = undefined;
  world.calls.x509.length = 0;
  world.calls.jwt.length = 0;
  for (const { id } of world.it.ledger.views.entries.under(world.agent)) await world.remove(id);
});
afterAll(() => world.close());

describe('before anything was heard', () => {
  test('a caller is told to come again, never that it has no identity', async () => {
    // M10
    const { session } = agent.open(UID);
    expect(await codeOf(session.state())).toBe('unavailable');
    expect(await codeOf(session.jwtSvids(['db'], undefined))).toBe('unavailable');
    expect(await codeOf(session.validateJwt('db', 'x'))).toBe('unavailable');
    expect(await codeOf(session.watch(() => undefined, new AbortController().signal))).toBe('unavailable');
    expect(agent.holdings.status().denials).toBe(0);
  });
});

describe('the state of a caller', () => {
  test('has one SVID for each entry whose selectors it has, the oldest first', async () => {
    const [old, young, other] = [fresh(), fresh(), fresh()];
    await world.entry(young, { createdAt: 2000 as never });
    await world.entry(old, { createdAt: 1000 as never, selectors: [UID, 'unix:gid:1'], hint: 'internal' });
    await world.entry(other, { selectors: ['unix:uid:7'] });
    agent.sync();
    const state = await agent.open(UID, 'unix:gid:1').session.state();
    expect(pathsOf(state)).toEqual([old, young]);
    expect(state.svids.map(({ hint }) => hint)).toEqual(['internal', undefined]);
    expect(state.bundle.trustDomain).toBe('example.org');
    expect(state.bundle.x509Authorities.length).toBeGreaterThan(1);
    expect(state.federated).toEqual([]);
    const { keys } = JSON.parse(state.bundle.jwtKeySet) as { keys: Record<string, string>[] };
    expect(keys.length).toBeGreaterThan(1);
    // WLAPI-44
    for (const key of keys) expect(Object.keys(key).sort()).toEqual(['crv', 'kid', 'kty', 'x', 'y']);
  });

  test('is the same object for all callers alike, and for as long as it is the same', async () => {
    await world.entry(fresh());
    agent.sync();
    const first = await agent.open(UID).session.state();
    expect(await agent.open(UID).session.state()).toBe(first);
    agent.sync();
    expect(await agent.open(UID).session.state()).toBe(first);
    const other = await agent.open(UID, 'unix:gid:5').session.state();
    expect(other.svids[0]).toBe(first.svids[0]);
    expect(other.bundle).toBe(first.bundle);
  });

  test('leaves out the younger of two identities with one hint', async () => {
    // WLAPI-23
    const [old, young] = [fresh(), fresh()];
    await world.entry(young, { createdAt: 2000 as never, hint: 'same' });
    await world.entry(old, { createdAt: 1000 as never, hint: 'same' });
    agent.sync();
    const { session } = agent.open(UID);
    expect(pathsOf(await session.state())).toEqual([old]);
    expect((await session.jwtSvids(['db'], undefined)).map(({ hint }) => hint)).toEqual(['same']);
  });

  test('waits for SVIDs that are on their way, and then comes with those that are there', async () => {
    const [there, late] = [fresh(), fresh()];
    await world.entry(there);
    agent.sync();
    await agent.open(UID).session.state();
    world.outage = new Refusal('unavailable', 'no server');
    await world.entry(late);
    agent.sync();
    const asked = agent.open(UID).session.state();
    const isDone = Promise.race([asked.then(() => true), turns().then(() => false)]);
    expect(await isDone).toBe(false);
    time.pass(1000);
    expect(pathsOf(await asked)).toEqual([there]);
  });

  test('is unavailable when none comes in time', async () => {
    world.outage = new Refusal('unavailable', 'no server');
    await world.entry(fresh());
    agent.sync();
    const asked = codeOf(agent.open(UID).session.state());
    await turns();
    time.pass(1000);
    await turns();
    time.pass(4000);
    expect(await asked).toBe('unavailable');
    expect(agent.holdings.status().denials).toBe(0);
  });

  test('a caller without identity is told so, under a decision that the server hears of', async () => {
    await world.entry(fresh());
    agent.sync();
    const { session } = agent.open('unix:uid:1');
    const refused = await refusalOf(session.state());
    expect(refused).toMatchObject({ code: 'no_identity', message: 'no identity issued' });
    expect((await refusalOf(session.state())).decisionId).toBe(refused.decisionId);
    time.pass(100);
    expect(agent.said).toMatchObject([
      { type: 'denials', denials: [{ id: refused.decisionId, selectors: ['unix:uid:1'] }] },
    ]);
    agent.holdings.recorded([refused.decisionId ?? '']);
    expect(agent.holdings.status().denials).toBe(0);
  });
});

describe('the process behind a connection', () => {
  test('is attested once for several calls, and again after five seconds', async () => {
    await world.entry(fresh());
    agent.sync();
    const { session, process } = agent.open(UID);
    await session.state();
    await session.state();
    await session.jwtSvids(['db'], undefined);
    expect(process.attested).toBe(1);
    time.pass(5001);
    await session.state();
    expect(process.attested).toBe(2);
  });

  test('gets nothing once it is not the same any more', async () => {
    await world.entry(fresh());
    agent.sync();
    const { session, process } = agent.open(UID);
    await session.state();
    process.isSame = false;
    expect(await codeOf(session.state())).toBe('no_identity');
    expect(await codeOf(session.jwtSvids(['db'], undefined))).toBe('no_identity');
  });

  test('that was replaced while its answer was being made gets nothing', async () => {
    const id = fresh();
    await world.entry(id);
    agent.sync();
    const { session, process } = agent.open(UID);
    const asked = codeOf(session.jwtSvids(['db'], undefined));
    await turns(1);
    process.isSame = false;
    expect(await asked).toBe('no_identity');
  });

  test('that cannot be attested is told to come again', async () => {
    await world.entry(fresh());
    agent.sync();
    const { session, process } = agent.open(UID);
    process.failure = new Refusal('unavailable', 'it cannot be told now who is calling');
    expect(await codeOf(session.state())).toBe('unavailable');
    process.failure = new Refusal('unauthenticated', 'the process that connected ended');
    expect(await codeOf(session.state())).toBe('no_identity');
  });

  test('is let go when the connection closes, and what still runs ends', async () => {
    await world.entry(fresh());
    agent.sync();
    const { session, process } = agent.open(UID);
    const open = stream(session);
    await eventually(() => open.states.length === 1);
    session.close();
    await eventually(() => open.ended() !== undefined);
    expect(process.isClosed).toBe(true);
    expect(await codeOf(session.state())).toBe('unavailable');
    expect(agent.holdings.status().streams).toBe(0);
  });

  test('no socket, no session', () => {
    expect(() => agent.holdings.sessions.open(99)).toThrow('no such socket');
  });
});

describe('a stream', () => {
  test('has the state at once, a new one after each renewal, and none twice', async () => {
    // M3
    const id = fresh();
    await world.entry(id, { x509Ttl: 600 });
    agent.sync();
    const open = stream(agent.open(UID).session);
    await eventually(() => open.states.length === 1);
    for (let count = 2; count <= 4; count += 1) {
      time.pass(300_000);
      agent.sync();
      await eventually(() => open.states.length === count);
    }
    const ends = open.states.map(({ svids }) => svids[0]?.notAfter ?? 0);
    expect([...ends].sort((a, b) => a - b)).toEqual(ends);
    expect(new Set(open.states.map(({ svids }) => svids[0])).size).toBe(4);
    agent.sync();
    await settle();
    expect(open.states).toHaveLength(4);
  });

  test('hears of a new entry, of one that is gone, and ends when the last is gone', async () => {
    // M14
    const [one, two] = [fresh(), fresh()];
    await world.entry(one);
    agent.sync();
    const open = stream(agent.open(UID).session);
    await eventually(() => open.states.length === 1);
    await world.entry(two);
    agent.sync();
    await eventually(() => open.states.length === 2);
    expect(pathsOf(open.states[1])).toEqual([one, two]);
    await world.remove(one);
    agent.sync();
    await eventually(() => open.states.length === 3);
    expect(pathsOf(open.states[2])).toEqual([two]);
    expect(open.ended()).toBeUndefined();
    await world.remove(two);
    agent.sync();
    await eventually(() => open.ended() !== undefined);
    expect(open.ended()).toMatchObject({ code: 'no_identity' });
    expect(open.ended()?.decisionId).toBeDefined();
  });

  test('a revoked identity is gone from it at once, the others stay', async () => {
    const [one, two] = [fresh(), fresh()];
    await world.entry(one);
    await world.entry(two);
    agent.sync();
    const open = stream(agent.open(UID).session);
    await eventually(() => open.states.length === 1);
    await world.revoke({ kind: 'identity', value: `spiffe://example.org/${one}` }, 'cutoff', 'block');
    agent.sync();
    await turns(2);
    expect(open.states.map(pathsOf)).toEqual([[one, two], [two]]);
    await world.revoke({ kind: 'identity', value: `spiffe://example.org/${two}` }, 'cutoff', 'block');
    agent.sync();
    await eventually(() => open.ended()?.code === 'no_identity');
  });

  test('one that is cut off to be issued anew is replaced, not withdrawn', async () => {
    const [one, two] = [fresh(), fresh()];
    await world.entry(one);
    await world.entry(two);
    agent.sync();
    const open = stream(agent.open(UID).session);
    await eventually(() => open.states.length === 1);
    await world.revoke({ kind: 'entry', value: one }, 'cutoff');
    agent.sync();
    await eventually(() => open.states.length === 2);
    expect(open.states.map(pathsOf)).toEqual([
      [one, two],
      [one, two],
    ]);
    expect(open.states[1]?.svids[0]).not.toBe(open.states[0]?.svids[0]);
  });

  test('but is withdrawn when its successor does not come', async () => {
    const [one, two] = [fresh(), fresh()];
    await world.entry(one);
    await world.entry(two);
    agent.sync();
    const open = stream(agent.open(UID).session);
    await eventually(() => open.states.length === 1);
    world.outage = new Refusal('unavailable', 'no server');
    await world.revoke({ kind: 'entry', value: one }, 'cutoff');
    agent.sync();
    await turns();
    expect(open.states).toHaveLength(1);
    time.pass(500);
    await settle();
    expect(open.states.map(pathsOf)).toEqual([[one, two], [two]]);
    // The last one may be dead, too, but the entry still gives an identity: the stream waits.
    await world.revoke({ kind: 'entry', value: two }, 'cutoff');
    agent.sync();
    time.pass(600);
    await settle();
    expect(open.states).toHaveLength(2);
    expect(open.ended()).toBeUndefined();
    world.outage = undefined;
    agent.sync();
    await eventually(() => open.states.length >= 3);
    await settle();
    expect(pathsOf(open.states.at(-1))).toEqual([one, two]);
  });

  test('is checked before each state: a process that is not the same any more gets nothing more', async () => {
    // WLAPI-10
    await world.entry(fresh());
    agent.sync();
    const { session, process } = agent.open(UID);
    const open = stream(session);
    await eventually(() => open.states.length === 1);
    process.isSame = false;
    await world.entry(fresh());
    agent.sync();
    await eventually(() => open.ended() !== undefined);
    expect(open.ended()).toMatchObject({ code: 'no_identity' });
    expect(open.states).toHaveLength(1);
  });

  test('is attested again every half a minute: other selectors, another state', async () => {
    const [one, two] = [fresh(), fresh()];
    await world.entry(one);
    await world.entry(two, { selectors: ['systemd:unit:web'] });
    agent.sync();
    const { session, process } = agent.open(UID);
    const open = stream(session);
    await eventually(() => open.states.length === 1);
    process.selectors = [UID, 'systemd:unit:web'];
    time.pass(30_000);
    await eventually(() => open.states.length === 2);
    expect(open.states.map(pathsOf)).toEqual([[one], [one, two]]);
    expect(process.attested).toBe(2);
  });

  test('one attestation that fails or lacks a kind of selectors takes nothing away; one that says no does', async () => {
    const id = fresh();
    await world.entry(id, { selectors: ['docker:label:app:web'] });
    agent.sync();
    const { session, process } = agent.open('docker:label:app:web', UID);
    const open = stream(session);
    await eventually(() => open.states.length === 1);
    process.failure = new Refusal('unavailable', 'it cannot be told now');
    time.pass(30_000);
    await settle();
    process.failure = undefined;
    process.selectors = [UID];
    for (let round = 0; round < 4; round += 1) {
      expect(open.ended()).toBeUndefined();
      time.pass(5000);
      await settle();
    }
    time.pass(5000);
    await settle();
    expect(open.ended()).toMatchObject({ code: 'no_identity' });
    expect(open.states).toHaveLength(1);
  });

  test('a thousand alike hear of a change, in portions', async () => {
    const id = fresh();
    await world.entry(id);
    agent.sync();
    const open = Array.from({ length: 1000 }, () => stream(agent.open(UID).session));
    await eventually(() => open.every(({ states }) => states.length === 1));
    expect(new Set(open.map(({ states }) => states[0])).size).toBe(1);
    await world.entry(fresh());
    agent.sync();
    await eventually(() => open.some(({ states }) => states.length === 2));
    expect(open.filter(({ states }) => states.length === 2).length).toBeLessThan(100);
    for (let round = 0; round < 20; round += 1) {
      time.pass(0);
      await turns(1);
    }
    expect(new Set(open.map(({ states }) => states[1])).size).toBe(1);
    expect(open.every(({ states }) => states.length === 2)).toBe(true);
    for (const { abort } of open) abort.abort();
    await turns(2);
    expect(agent.holdings.status().streams).toBe(0);
  });

  test('aborted, it hears nothing more', async () => {
    await world.entry(fresh());
    agent.sync();
    const open = stream(agent.open(UID).session);
    await eventually(() => open.states.length === 1);
    open.abort.abort();
    await eventually(() => open.ended() !== undefined);
    await world.entry(fresh());
    agent.sync();
    await settle();
    expect(open.states).toHaveLength(1);
    expect(agent.holdings.status().streams).toBe(0);
  });
});

describe('the server away', () => {
  test('for longer than it may be, everything ends, and comes back with its next word', async () => {
    // DEC-36
    await world.entry(fresh(), { x509Ttl: 86_400 });
    agent.sync();
    const { session } = agent.open(UID);
    const open = stream(session);
    await eventually(() => open.states.length === 1);
    world.outage = new Refusal('unavailable', 'no server');
    time.pass(3_599_000);
    await settle();
    await session.state();
    expect(open.ended()).toBeUndefined();
    time.pass(1000);
    await settle();
    expect(open.ended()).toMatchObject({ code: 'unavailable' });
    expect(await codeOf(session.state())).toBe('unavailable');
    expect(await codeOf(session.jwtSvids(['db'], undefined))).toBe('unavailable');
    agent.holdings.heard();
    await session.state();
  });

  test('heartbeats are words', async () => {
    await world.entry(fresh(), { x509Ttl: 86_400 });
    agent.sync();
    const { session } = agent.open(UID);
    await session.state();
    for (let hour = 0; hour < 5; hour += 1) {
      time.pass(3_000_000);
      agent.holdings.heard();
    }
    await session.state();
  });

  test('heartbeats before the first state are not', async () => {
    agent.holdings.heard();
    expect(await codeOf(agent.open(UID).session.state())).toBe('unavailable');
  });
});

test('a banned agent forgets everything, and its streams end without identity', async () => {
  const id = fresh();
  await world.entry(id);
  agent.sync();
  const { session } = agent.open(UID);
  const open = stream(session);
  await eventually(() => open.states.length === 1);
  await session.jwtSvids(['db'], undefined);
  agent.holdings.forgetAll();
  await eventually(() => open.ended() !== undefined);
  expect(open.ended()).toMatchObject({ code: 'no_identity' });
  expect(agent.holdings.status()).toMatchObject({ entries: 0, svids: 0, tokens: 0, streams: 0 });
  expect(agent.holdings.held()).toBeUndefined();
  expect(await codeOf(session.state())).toBe('unavailable');
});

test('the agent itself revoked: all of its workloads lose theirs', async () => {
  await world.entry(fresh());
  agent.sync();
  const open = stream(agent.open(UID).session);
  await eventually(() => open.states.length === 1);
  const parts = world.state();
  agent.holdings.begin(false);
  agent.holdings.revocations({
    type: 'revocations',
    revocations: [
      {
        id: 'r',
        target: { kind: 'agent', value: world.agent },
        predicates: ['cutoff', 'block'],
        index: parts.cursor.index + 1,
      },
    ],
    removed: [],
  });
  agent.holdings.commit({ ...parts.cursor, index: parts.cursor.index + 1 });
  await eventually(() => open.ended() !== undefined);
  expect(open.ended()).toMatchObject({ code: 'no_identity' });
});

describe('JWT-SVIDs', () => {
  test('are for all identities, or for the one that is asked for', async () => {
    // WLAPI-41
    const [one, two] = [fresh(), fresh()];
    await world.entry(one, { createdAt: 1 as never, hint: 'first' });
    await world.entry(two, { createdAt: 2 as never });
    agent.sync();
    const { session } = agent.open(UID);
    const all = await session.jwtSvids(['db', 'web', 'db'], undefined);
    expect(all.map(({ spiffeId, hint }) => [spiffeId, hint])).toEqual([
      [`spiffe://example.org/${one}`, 'first'],
      [`spiffe://example.org/${two}`, undefined],
    ]);
    expect(decodeJwt(all[0]?.token ?? '').aud).toEqual(['db', 'web']);
    const single = await session.jwtSvids(['db', 'web'], `spiffe://example.org/${two}`);
    expect(single).toEqual([all[1]]);
  });

  test.each([
    ['no audience', [], undefined, 'invalid_request'],
    ['an empty audience', [''], undefined, 'invalid_request'],
    ['a malformed SPIFFE ID', ['db'], 'spiffe://example.org/%41', 'invalid_request'],
    ['the SPIFFE ID of another', ['db'], 'spiffe://example.org/other', 'no_identity'],
  ])('%s is refused', async (_what, audience, spiffeId, code) => {
    await world.entry(fresh());
    agent.sync();
    expect(await codeOf(agent.open(UID).session.jwtSvids(audience, spiffeId))).toBe(code);
    expect(world.calls.jwt).toEqual([]);
  });

  test('are refused to a caller without identity', async () => {
    await world.entry(fresh());
    agent.sync();
    expect(await codeOf(agent.open('unix:uid:1').session.jwtSvids(['db'], undefined))).toBe('no_identity');
  });

  test('an identity that may not have the audience is left out, the others get theirs', async () => {
    const [one, two] = [fresh(), fresh()];
    await world.entry(one, { jwtAudiences: ['web'] });
    await world.entry(two);
    agent.sync();
    const { session } = agent.open(UID);
    expect((await session.jwtSvids(['db'], undefined)).map(({ spiffeId }) => spiffeId)).toEqual([
      `spiffe://example.org/${two}`,
    ]);
    expect(await codeOf(session.jwtSvids(['db'], `spiffe://example.org/${one}`))).toBe('no_identity');
  });

  test('one that is revoked while it is asked for is not given', async () => {
    const id = fresh();
    await world.entry(id);
    const { promise, resolve } = Promise.withResolvers<void>();
    let isAnswered = false;
    const slow = startHoldings(world, time, {
      server: {
        ...world.server,
        jwtSvids: async (items) => {
          const answers = await world.server.jwtSvids(items);
          isAnswered = true;
          await promise;
          return answers;
        },
      },
    });
    slow.sync();
    const { session } = slow.open(UID);
    await session.state();
    const asked = codeOf(session.jwtSvids(['db'], undefined));
    await eventually(() => isAnswered);
    await world.revoke({ kind: 'entry', value: id }, 'cutoff', 'block');
    slow.sync();
    resolve();
    expect(await asked).toBe('unavailable');
    expect(await codeOf(session.jwtSvids(['db'], undefined))).toBe('no_identity');
    slow.holdings.stop();
  });
});

describe('validation', () => {
  const tokenFor = async (id: string): Promise<string> => {
    await world.entry(id);
    agent.sync();
    const [svid] = await agent.open(UID).session.jwtSvids(['db'], undefined);
    return svid?.token ?? '';
  };

  test('tells the SPIFFE ID and the claims, with the audience as a list', async () => {
    // WLAPI-45, WLAPI-46
    const id = fresh();
    const token = await tokenFor(id);
    const { spiffeId, claims } = await agent.open(UID).session.validateJwt('db', token);
    expect(spiffeId).toBe(`spiffe://example.org/${id}`);
    expect(claims).toMatchObject({ sub: spiffeId, aud: ['db'] });
    expect(claims['exp']).toBeGreaterThan(0);
  });

  test.each([
    ['another audience', 'web', (token: string) => token],
    ['other bytes', 'db', (token: string) => `${token.slice(0, -4)}AAAA`],
    ['no token', 'db', () => ''],
  ])('%s is refused with the reason', async (_what, audience, change) => {
    // WLAPI-47, M5
    const token = await tokenFor(fresh());
    const refused = await refusalOf(agent.open(UID).session.validateJwt(audience, change(token)));
    expect(refused.code).toBe('invalid_token');
    expect(refused.message).toMatch(/^the JWT-SVID is not valid: ./);
  });

  test('a token that has expired, is of another trust domain, or of a key of one’s own is refused', async () => {
    const id = fresh();
    const token = await tokenFor(id);
    const { session } = agent.open(UID);
    const { privateKey } = await generateKeyPair('ES256');
    const made = (sub: string): Promise<string> =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'ES256', kid: 'x' })
        .setSubject(sub)
        .setAudience('db')
        .setExpirationTime('1h')
        .sign(privateKey);
    expect(await codeOf(session.validateJwt('db', await made('spiffe://other.org/web')))).toBe('invalid_token');
    expect(await codeOf(session.validateJwt('db', await made('spiffe://example.org/web')))).toBe('invalid_token');
    time.pass(310_000);
    expect(await codeOf(session.validateJwt('db', token))).toBe('invalid_token');
  });

  test('of an identity that is revoked is refused', async () => {
    const [id, other] = [fresh(), fresh()];
    const token = await tokenFor(id);
    await world.entry(other);
    await world.revoke({ kind: 'identity', value: `spiffe://example.org/${id}` }, 'cutoff', 'block');
    agent.sync();
    expect(await codeOf(agent.open(UID).session.validateJwt('db', token))).toBe('invalid_token');
  });

  test('is for callers with an identity, and for an audience', async () => {
    const token = await tokenFor(fresh());
    expect(await codeOf(agent.open('unix:uid:1').session.validateJwt('db', token))).toBe('no_identity');
    expect(await codeOf(agent.open(UID).session.validateJwt('', token))).toBe('invalid_request');
  });
});

describe('federation', () => {
  test('callers see the bundles that their entries name, and tokens of these trust domains', async () => {
    const [one, two] = [fresh(), fresh()];
    await world.entry(one, { federatesWith: ['other.org' as never], selectors: [UID] });
    await world.entry(two, { selectors: ['unix:uid:2'] });
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const { exportJWK } = await import('jose');
    const jwk = { ...((await exportJWK(publicKey)) as Record<string, string>), kid: 'k1', use: 'jwt-svid' };
    const { parts, cursor } = world.state();
    agent.holdings.begin(true);
    for (const part of parts) {
      if (part.type === 'entries') agent.holdings.entries(part);
      else if (part.type === 'bundle') {
        agent.holdings.bundle({
          ...part,
          federated: [
            { trustDomain: 'unnamed.org', sequence: 1, x509Authorities: [], jwtKeys: [] },
            { trustDomain: 'other.org', sequence: 1, x509Authorities: part.bundle.x509Authorities, jwtKeys: [jwk] },
            { ...part.bundle, sequence: 9 },
          ],
        });
      }
    }
    agent.holdings.commit(cursor);
    const { session } = agent.open(UID);
    const state = await session.state();
    expect(state.federated.map(({ trustDomain }) => trustDomain)).toEqual(['other.org']);
    expect((await agent.open('unix:uid:2').session.state()).federated).toEqual([]);
    const now = Math.floor(time.clock.now() / 1000);
    const token = await new SignJWT({ secret: 'of the other side' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setSubject('spiffe://other.org/db')
      .setAudience('db')
      .setExpirationTime(now + 60)
      .sign(privateKey);
    const { spiffeId, claims } = await session.validateJwt('db', token);
    expect(spiffeId).toBe('spiffe://other.org/db' as SpiffeId);
    // WLAPI-46
    expect(claims).toEqual({ sub: 'spiffe://other.org/db', aud: ['db'], exp: now + 60 });
    expect(await codeOf(agent.open('unix:uid:2').session.validateJwt('db', token))).toBe('invalid_token');
  });
});
