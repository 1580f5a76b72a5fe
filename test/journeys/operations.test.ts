import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Instant } from '../../src/domain/instant.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Answered } from '../support/http.ts';
import { Journey } from '../support/journey.ts';
import { testTime, type TestTime } from '../support/journey-time.ts';

/** What whoever looks after a server reads of it: probes and numbers. */
const DAY = 86_400_000;

/** As a client sees it whose clock is right. */
const readiness = (journey: Journey, { clock }: TestTime): Promise<Answered> =>
  journey.public({ now: () => clock.now() }).ask('/readyz');

// DEC-34
describe('readiness', () => {
  let time: TestTime;
  let journey: Journey;
  beforeEach(async () => {
    time = testTime();
    journey = await Journey.start(time);
  });
  afterEach(() => journey.stop());

  test('is told with the age of the probe, on every listener, while the probe is at most 30 s old', async () => {
    time.clock.advance(30_000);
    for (const answer of [await journey.public().ask('/readyz'), await journey.api().ask('/readyz')]) {
      expect([answer.status, answer.json()]).toEqual([200, { ready: true, reasons: [], probeAge: 30 }]);
    }
    expect((await journey.admin.call({ method: 'GET', path: '/readyz' })).status).toBe(200);
  });

  test('ends when the probe is older, and comes back with the next one; the process is alive all along', async () => {
    time.clock.advance(30_100);
    const late = await readiness(journey, time);
    expect([late.status, late.json()]).toEqual([
      503,
      { ready: false, reasons: ['the probe has not passed lately'], probeAge: 30.1 },
    ]);
    expect((await journey.public().ask('/livez')).json()).toEqual({ alive: true });
    await time.pass(10_000, 10_000);
    expect((await readiness(journey, time)).status).toBe(200);
  });

  test('a probe leaves no fact in the log', async () => {
    const before = journey.size();
    await time.pass(60_000, 10_000);
    expect(journey.size()).toBe(before);
  });
});

// DEC-11
test('a head file that cannot be written makes the server unready, and is told once, as is its end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-head-'));
  const [headFile, obstacle] = [join(folder, 'head.json'), join(folder, 'head.json.next')];
  const time = testTime();
  const journey = await Journey.start({ ...time, configure: (server) => ({ ...server, headFile }) });
  try {
    await time.pass(10_000, 10_000);
    mkdirSync(obstacle);
    await journey.entry('web');
    await time.pass(30_000, 1000);
    const reason = `the head file ${headFile} cannot be written (EISDIR)`;
    expect((await readiness(journey, time)).json()).toMatchObject({ ready: false, reasons: [`head file: ${reason}`] });
    rmdirSync(obstacle);
    await time.pass(20_000, 10_000);
    expect((await readiness(journey, time)).json()).toMatchObject({ ready: true });
    expect(journey.log.lines.filter(({ message }) => message.startsWith('background work'))).toEqual([
      { message: 'background work failed', fields: { what: 'head file', error: reason } },
      { message: 'background work goes well again', fields: { what: 'head file' } },
    ]);
  } finally {
    await journey.stop();
    rmSync(folder, { recursive: true });
  }
});

// DEC-9
describe('a wall clock that was set', () => {
  const HOUR = 3_600_000;
  let time: TestTime;
  let wall = 0;
  let journey: Journey;
  beforeEach(async () => {
    wall = 0;
    time = testTime();
    const clock: Clock = {
      now: () => (time.clock.now() + wall) as Instant,
      monotonic: () => time.clock.monotonic(),
    };
    journey = await Journey.start({ clock, timers: time.timers });
  });
  afterEach(() => journey.stop());

  test.each([
    ['forward', HOUR],
    ['back', -HOUR],
  ])('%s: not ready, the operator is told, and it is over when it is set back', async (_name, step) => {
    wall = step;
    await time.pass(10_000, 10_000);
    const jumped = await journey.public().ask('/readyz');
    const reason = `the wall clock jumped by ${step / 1000} s: set it right, or restart the server to accept it`;
    expect([jumped.status, jumped.json()['reasons']]).toEqual([503, [reason]]);
    expect(journey.log.lines.filter(({ message }) => message.startsWith('the wall clock was set'))).toHaveLength(1);
    // Its own certificate follows the clock: who has the right time gets nothing that is of no use to them.
    if (step > 0) await expect(readiness(journey, time)).rejects.toThrow(/X.509-SVID is not accepted/);
    wall = 0;
    await time.pass(10_000, 10_000);
    expect((await readiness(journey, time)).status).toBe(200);
  });

  test('by years: no authority moves on, nothing is purged', async () => {
    await journey.entry('web');
    const held = await journey.attest({ entry: 'web' });
    const before = journey.size();
    wall = 800 * DAY;
    await time.pass(HOUR, HOUR / 6);
    expect(journey.size()).toBe(before);
    expect(await journey.administer('GET', `/v1/admin/credentials/${held.serial}`)).toMatchObject({ id: held.serial });
    const { authorities } = await journey.administer<{ authorities: { state: string; generation: number }[] }>(
      'GET',
      '/v1/admin/authorities',
    );
    expect(authorities.filter(({ generation }) => generation > 2)).toEqual([]);
  });

  test('by less than a minute is followed', async () => {
    wall = 59_000;
    await time.pass(10_000, 10_000);
    expect((await readiness(journey, time)).status).toBe(200);
  });
});

describe('metrics', () => {
  let journey: Journey;
  beforeAll(async () => {
    journey = await Journey.start({ frontEnds: 2 });
  });
  afterAll(() => journey.stop());

  const numbers = async (): Promise<string> => journey.administer<string>('GET', '/metrics');
  const valueOf = (text: string, line: string): number =>
    Number(
      text
        .split('\n')
        .find((each) => each.startsWith(`${line} `))
        ?.split(' ')[1] ?? Number.NaN,
    );

  test('are those of all front ends together', async () => {
    await journey.entry('web');
    const asked = 24;
    for (let count = 0; count < asked; count += 1) {
      // A new connection each, so that both front ends get some.
      expect((await journey.public({ fresh: true }).ask('/bundle')).status).toBe(200);
    }
    await journey.attest({ entry: 'web' });
    const text = await numbers();
    const route = 'listener="public",method="GET",route="/bundle"';
    expect(valueOf(text, `mayfly_http_requests_total{${route},status="200"}`)).toBe(asked);
    expect(valueOf(text, `mayfly_http_request_seconds_count{${route}}`)).toBe(asked);
    // The server's own SVID and that of the workload.
    expect(valueOf(text, 'mayfly_credentials_issued_total{credential="x509-svid"}')).toBe(2);
    expect(valueOf(text, 'mayfly_ledger_append_seconds_count')).toBeGreaterThan(2);
    expect(text).not.toContain('spiffe://');
  });

  test('are on no listener that others reach', async () => {
    for (const client of [journey.api(), journey.public()]) {
      expect((await client.ask('/metrics')).status).toBe(404);
    }
  });
});
