import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { instant } from '../../src/domain/instant.ts';
import { readCertificate } from '../../src/formats/certificate.ts';
import { readX509Svid, verifyX509Svid } from '../../src/verify/x509-path.ts';
import type { Answered } from '../support/http.ts';
import { csrOf, type Held, heldFrom, Journey, recordedFacts } from '../support/journey.ts';
import { decodePart, ORDERS, type OauthWorld, oauthCode, startOauthWorld } from '../support/journey-oauth.ts';
import { type TestTime, testTime } from '../support/journey-time.ts';
import { newKey } from '../support/x509.ts';

/** Somebody sets the wall clock of the machine while the server serves, or between two starts (DEC-9). */
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const STEPS = [
  ['an hour ahead', HOUR],
  ['an hour back', -HOUR],
  ['two days ahead', 2 * DAY],
  ['two days back', -2 * DAY],
] as const;

let dataDir: string;
let time: TestTime;
let world: OauthWorld;
let journey: Journey;
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'mayfly-clock-'));
  time = testTime();
  world = await startOauthWorld({ ...time, dataDir });
  ({ journey } = world);
  // Long enough that no authority is younger than the largest step back.
  await time.pass(3 * DAY, 6 * HOUR);
});
afterEach(async () => {
  await journey.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const seconds = (): number => Math.floor(time.clock.now() / 1000);
const ready = () => journey.public().ask('/readyz');
const restart = async (): Promise<void> => {
  await journey.stop();
  journey = await Journey.start({ ...time, dataDir });
};

/** Of callers on machines whose clock is right. */
const rightTime = { now: () => instant(time.clock.monotonic()) };

const attest = async (name: string, options = {}): Promise<Held> => {
  const key = newKey();
  const evidence = { token: await journey.joinToken({ agent: name }) };
  const body = { type: 'join_token', evidence, csr: csrOf(key) };
  const answer = await journey.api(undefined, options).postJson('/v1/attest', body);
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  return heldFrom(answer.json(), key);
};

const redeem = (token: string): Promise<Answered> =>
  journey.api(undefined, rightTime).postJson('/v1/attest', {
    type: 'join_token',
    evidence: { token },
    csr: csrOf(newKey()),
  });

const itemOf = (answer: Answered): unknown => (answer.json() as { items: unknown[] }).items[0];

const jwtFor = async (agent: Held, audience: string, options = {}): Promise<string> => {
  const items = [{ audience: [audience], entryId: 'web' }];
  return (itemOf(await journey.api(agent, options).postJson('/v1/svids/jwt', { items })) as { token: string }).token;
};

const svidFor = async (agent: Held, options = {}): Promise<Held> => {
  const key = newKey();
  const items = [{ csr: csrOf(key), entryId: 'web' }];
  return heldFrom(itemOf(await journey.api(agent, options).postJson('/v1/svids/x509', { items })), key);
};

const byX509 = (held: Held, options = {}): Promise<Answered> => {
  const form = { grant_type: 'client_credentials', client_id: held.spiffeId, resource: ORDERS };
  return journey.api(held, options).postForm('/oauth2/token', form);
};

/** Every kind of credential, for a caller that has just attested. */
const issueAll = async (options = {}) => {
  const agent = await attest('node', options);
  const web = await svidFor(agent, options);
  const granted = await byX509(web, options);
  const jwt = await jwtFor(agent, 'db', options);
  return { agent, web, jwt, token: String(granted.json()['access_token']) };
};

/** No more life than the rules give, no more than the issuer has, and good by what is published. */
const expectWithinPolicy = ({ agent, web, jwt, token }: Awaited<ReturnType<typeof issueAll>>): void => {
  const now = time.clock.now();
  const roots = journey.roots().map(readCertificate);
  for (const [held, ttl] of [
    [agent, 86_400],
    [web, 3600],
  ] as const) {
    expect(held.notBefore).toBe(seconds() - 10);
    expect(held.notAfter - seconds()).toBeLessThanOrEqual(ttl);
    expect(held.notAfter).toBeGreaterThan(seconds());
    const [leaf, ca] = held.chain.map(readCertificate);
    expect(leaf?.notBefore).toBeGreaterThanOrEqual(ca?.notBefore ?? Infinity);
    expect(leaf?.notAfter).toBeLessThanOrEqual(ca?.notAfter ?? 0);
    expect(verifyX509Svid({ svid: readX509Svid(held.chain), rootsOf: () => roots, now }).spiffeId).toBe(held.spiffeId);
  }
  for (const claims of [decodePart(jwt, 1), decodePart(token, 1)]) {
    expect(claims['iat']).toBe(seconds());
    expect(Number(claims['exp']) - seconds()).toBeLessThanOrEqual(300);
  }
};

describe.each(STEPS)('a clock that is set %s', (_name, step) => {
  test('gives nothing beyond policy, moves no authority, purges nothing; it is told, and over when it is set back', async () => {
    const before = await issueAll();
    const authorities = journey.facts('authority-prepared').length;
    const state = await journey.administer('GET', '/v1/admin/authorities');
    time.clock.step(step);
    // Before anything has looked at the clock, and after.
    expectWithinPolicy(await issueAll(rightTime));
    await time.pass(10_000, 10_000);
    const told = await ready();
    const reason = `the wall clock jumped by ${step / 1000} s: set it right, or restart the server to accept it`;
    expect([told.status, told.json()['reasons']]).toEqual([503, [reason]]);
    await time.pass(2 * HOUR);
    expectWithinPolicy(await issueAll());
    expect(await journey.administer('GET', '/v1/admin/authorities')).toEqual(state);
    expect(journey.facts('authority-prepared')).toHaveLength(authorities);
    expect(await journey.administer('GET', `/v1/admin/credentials/${before.web.serial}`)).toMatchObject({
      id: before.web.serial,
    });
    time.clock.step(-step);
    await time.pass(10_000, 10_000);
    expect((await ready()).status).toBe(200);
    expectWithinPolicy(await issueAll());
  });

  test('is accepted by a restart; keys and credentials go on from there', async () => {
    time.clock.step(step);
    await time.pass(10_000, 10_000);
    expect((await ready()).status).toBe(503);
    await restart();
    expect((await ready()).status).toBe(200);
    await time.pass(8 * DAY, 6 * HOUR);
    expect((await ready()).status).toBe(200);
    expectWithinPolicy(await issueAll());
  });

  test('leaves the order of the log as it is', async () => {
    time.clock.step(step);
    await issueAll(rightTime);
    time.clock.step(-step);
    await issueAll(rightTime);
    const times = journey.facts('issued').map(({ notBefore }) => notBefore);
    expect(new Set(times).size).toBeGreaterThan(1);
    const recorded = recordedFacts(dataDir).map((fact) => fact.time);
    expect(recorded).toEqual(recorded.toSorted((a, b) => a - b));
    await restart();
    expect((await ready()).status).toBe(200);
  });
});

// What was good once may look good again when the clock is set back.
describe('after a step back', () => {
  test('a join token that was redeemed and forgotten is not redeemed again', async () => {
    const token = await journey.joinToken({ agent: 'twice' });
    expect((await journey.redeem(token, newKey())).status).toBe(200);
    await time.pass(HOUR);
    time.clock.step(-HOUR);
    const again = await redeem(token);
    expect([again.status, again.json()['code']]).toEqual([403, 'attestation_refused']);
  });

  test('a token of a second ago is from the future, and a certificate not valid yet', async () => {
    const agent = await attest('node');
    const web = await svidFor(agent);
    const assertion = await jwtFor(agent, world.issuer);
    expect((await world.byJwt(assertion)).status).toBe(200);
    time.clock.step(-HOUR);
    expect(oauthCode(await world.byJwt(assertion))).toBe('401 invalid_client');
    expect((await byX509(web, rightTime)).status).toBe(401);
    time.clock.step(HOUR);
    expect((await world.byJwt(assertion)).status).toBe(200);
  });

  test('renewal goes on with a certificate of the new time', async () => {
    time.clock.step(-HOUR);
    const held = await attest('later', rightTime);
    const key = newKey();
    const answer = await journey.api(held, rightTime).postJson('/v1/svids/x509', { items: [{ csr: csrOf(key) }] });
    const renewed = heldFrom(itemOf(answer), key);
    expect(renewed.notAfter - seconds()).toBe(86_400);
  });
});

describe('after a step ahead', () => {
  test('what has expired by it is refused: certificates, assertions, join tokens', async () => {
    const agent = await attest('node');
    const web = await svidFor(agent);
    const assertion = await jwtFor(agent, world.issuer);
    expect((await world.byJwt(assertion)).status).toBe(200);
    const token = await journey.joinToken({ agent: 'late' });
    time.clock.step(2 * HOUR);
    expect((await byX509(web, rightTime)).status).toBe(401);
    expect(oauthCode(await world.byJwt(assertion))).toBe('401 invalid_client');
    expect((await redeem(token)).json()['code']).toBe('attestation_refused');
  });

  test('beyond the life of every key nothing is issued', async () => {
    const agent = await attest('far');
    time.clock.step(20 * DAY);
    const answer = await redeem(await journey.joinToken({ agent: 'further' }));
    expect([answer.status, answer.json()['code']]).toEqual([503, 'unavailable']);
    expect((await journey.api(agent, rightTime).postJson('/v1/svids/x509', { items: [] })).status).toBe(401);
    await time.pass(60_000, 10_000);
    time.clock.step(-20 * DAY);
    await time.pass(60_000, 10_000);
    expect((await ready()).status).toBe(200);
    expectWithinPolicy(await issueAll());
  });
});

// Ledger time never goes back, so it stays ahead after a step that came and went.
test('a step of ten years that was recorded and undone leaves rotation as it was', async () => {
  time.clock.step(3650 * DAY);
  await journey.administer('POST', '/v1/admin/entries', {
    id: 'late',
    spiffeId: 'spiffe://example.org/late',
    selectors: ['a:1'],
  });
  time.clock.step(-3650 * DAY);
  for (let round = 0; round < 20; round += 1) {
    await time.pass(18 * HOUR, 6 * HOUR);
    const agent = await attest('node');
    expect(agent.notAfter - seconds()).toBe(86_400);
  }
  const { authorities } = await journey.administer<{ authorities: { purpose: string }[] }>(
    'GET',
    '/v1/admin/authorities',
  );
  for (const [purpose, keys] of Map.groupBy(authorities, (each) => each.purpose)) {
    expect([purpose, keys.length <= 4]).toEqual([purpose, true]);
  }
});

test('a start with a clock behind what is on record says so', async () => {
  const said = () =>
    journey.log.lines.filter(({ message }) => message === 'the wall clock is behind what is on record');
  await restart();
  expect(said()).toEqual([]);
  time.clock.step(-HOUR);
  await restart();
  expect(said()).toMatchObject([{ fields: { seconds: 3600 } }]);
});

test('rates are counted by time that passes, not by the clock', async () => {
  await journey.entry('slow-caller', { limits: { signingsPerSecond: 1 } });
  const caller = journey.api(await journey.attest({ entry: 'slow-caller' }));
  const ask = async () => (await caller.postJson('/v1/svids/jwt', { items: [{ audience: ['db'] }] })).status;
  expect([await ask(), await ask()]).toEqual([200, 429]);
  time.clock.step(60_000);
  expect(await ask()).toBe(429);
  time.clock.step(-60_000);
  time.clock.advance(1000);
  expect([await ask(), await ask()]).toEqual([200, 429]);
});

test('what an operator does about one key moves no other on a clock that jumped', async () => {
  const active = async (purpose: string): Promise<string> => {
    const { authorities } = await journey.administer<{ authorities: { id: string; purpose: string; state: string }[] }>(
      'GET',
      '/v1/admin/authorities',
    );
    return authorities.find((each) => each.purpose === purpose && each.state === 'active')?.id ?? '';
  };
  const tokens = await active('access-token');
  time.clock.step(3 * DAY);
  await time.pass(10_000, 10_000);
  const lost = await active('jwt-svid');
  await journey.administer('POST', '/v1/admin/authorities', { kind: 'taint', id: lost, confirm: true, force: true });
  expect(await active('jwt-svid')).not.toBe(lost);
  expect(await active('access-token')).toBe(tokens);
});
