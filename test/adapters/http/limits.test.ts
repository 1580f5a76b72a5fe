import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import * as fc from 'fast-check';
import { DEFAULT_LIMITS, RateLimits } from '../../../src/adapters/http/limits.ts';
import { sourceKey } from '../../../src/formats/ip-address.ts';
import { defineRoute } from '../../../src/adapters/http/route.ts';
import { nextFull, TOKEN_BUCKET_BYTES, TokenBuckets } from '../../../src/adapters/http/token-buckets.ts';
import { ask, startServer, testServices } from '../../support/http.ts';
import { testClock } from '../../support/ledger.ts';

const buckets = (): TokenBuckets => new TokenBuckets(new SharedArrayBuffer(TOKEN_BUCKET_BYTES), Buffer.from('salt'));

describe('a bucket', () => {
  const rate = { perSecond: 10 };

  test('gives a second of its rate at once, then as fast as the rate', () => {
    const held = buckets();
    for (let count = 0; count < 10; count++) expect(held.take('a', rate, 1, 1000)).toBe(0);
    expect(held.take('a', rate, 1, 1000)).toBeCloseTo(100, 1);
    expect(held.take('a', rate, 1, 1099)).toBeCloseTo(1, 1);
    expect(held.take('a', rate, 1, 1100)).toBe(0);
    expect(held.take('a', rate, 1, 1100)).toBeGreaterThan(0);
    expect(held.take('a', rate, 10, 2200)).toBe(0);
  });

  test('of one key is not that of another', () => {
    const held = buckets();
    expect(held.take('a', rate, 10, 0)).toBe(0);
    expect(held.take('a', rate, 1, 0)).toBeGreaterThan(0);
    expect(held.take('b', rate, 10, 0)).toBe(0);
  });

  test('counts items, and lets a batch above the burst come only when it is full, into debt', () => {
    // DEC-21
    const held = buckets();
    expect(held.take('a', rate, 4, 0)).toBe(0);
    expect(held.take('a', rate, 30, 0)).toBeCloseTo(400, 1);
    expect(held.take('a', rate, 30, 400)).toBe(0);
    expect(held.take('a', rate, 1, 2400)).toBeGreaterThan(0);
    expect(held.take('a', rate, 1, 2500)).toBe(0);
  });

  test('that is refused takes nothing', () => {
    const held = buckets();
    held.take('a', rate, 10, 0);
    for (let count = 0; count < 100; count++) held.take('a', rate, 1, 0);
    expect(held.take('a', rate, 1, 100)).toBe(0);
  });

  test('never gives more than its burst and its rate, whatever comes when', () => {
    const step = fc.record({ wait: fc.integer({ min: 0, max: 400 }), items: fc.integer({ min: 1, max: 5 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 5, max: 500 }), (steps, perSecond) => {
        let [full, now, given] = [0, 1e9, 0];
        const start = now;
        for (const { wait, items } of steps) {
          now += wait * 1000;
          const next = nextFull(full, now, { perSecond }, items);
          if (next.admitted) [full, given] = [next.full, given + items];
        }
        expect(given).toBeLessThanOrEqual(perSecond + ((now - start) / 1e6) * perSecond + 0.01);
      }),
    );
  });

  test('stays right when many others are in use', () => {
    const held = buckets();
    for (let count = 0; count < 100_000; count++) held.take(`key ${count}`, rate, 1, 0);
    expect(held.take('fresh', rate, 10, 0)).toBe(0);
    expect(held.take('fresh', rate, 1, 0)).toBeGreaterThan(0);
  });

  test('is one for all threads', async () => {
    // DEC-1
    const memory = new SharedArrayBuffer(TOKEN_BUCKET_BYTES);
    const module = new URL('../../../src/adapters/http/token-buckets.ts', import.meta.url).href;
    const source = `
      import { parentPort, workerData } from 'node:worker_threads';
      const { TokenBuckets } = await import(${JSON.stringify(module)});
      const held = new TokenBuckets(workerData, Buffer.from('salt'));
      let given = 0;
      for (let count = 0; count < 5000; count++) if (held.take('a', { perSecond: 1000 }, 1, 5000) === 0) given++;
      parentPort.postMessage(given);`;
    const start = () =>
      new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData: memory });
    const workers = [start(), start()];
    const given = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0] as number));
    await Promise.all(workers.map((worker) => worker.terminate()));
    expect(given.reduce((sum, count) => sum + count)).toBe(1000);
  });
});

describe('rate limits', () => {
  test('say when to come back', () => {
    const clock = testClock();
    const limits = new RateLimits(buckets(), clock);
    limits.signings('spiffe://example.org/a', 'workload', 50);
    expect(() => limits.signings('spiffe://example.org/a', 'workload', 1)).toThrow(
      expect.objectContaining({ code: 'rate_limited', retryAfter: 1 }),
    );
    limits.signings('spiffe://example.org/agent', 'agent', 500);
    limits.signings('spiffe://example.org/b', 'workload', 100, 100);
    expect(() => limits.signings('spiffe://example.org/c', 'workload', 2, 1)).not.toThrow();
    expect(() => limits.signings('spiffe://example.org/c', 'workload', 1, 1)).toThrow(
      expect.objectContaining({ retryAfter: 2 }),
    );
    clock.advance(2000);
    expect(() => limits.signings('spiffe://example.org/c', 'workload', 1, 1)).not.toThrow();
  });

  test('of the feed and of validations are one for all front ends', () => {
    // DEC-1
    const memory = new SharedArrayBuffer(TOKEN_BUCKET_BYTES);
    const clock = testClock();
    const frontEnd = () => new RateLimits(new TokenBuckets(memory, Buffer.from('salt')), clock);
    const [one, other] = [frontEnd(), frontEnd()];
    for (let count = 0; count < 5; count += 1) for (const each of [one, other]) each.feed('agent');
    for (const each of [one, other]) {
      expect(() => each.feed('agent')).toThrow(expect.objectContaining({ code: 'rate_limited', retryAfter: 1 }));
      expect(() => each.feed('another')).not.toThrow();
    }
    for (let count = 0; count < 25; count += 1) for (const each of [one, other]) each.validation('web', 'workload');
    expect(() => one.validation('web', 'workload')).toThrow(expect.objectContaining({ code: 'rate_limited' }));
    expect(() => other.validation('node', 'agent')).not.toThrow();
    expect(() => other.validation('slow', 'workload', 1)).not.toThrow();
    expect(() => one.validation('slow', 'workload', 1)).toThrow(expect.objectContaining({ retryAfter: 1 }));
    clock.advance(1000);
    for (const each of [one, other]) expect(() => each.validation('web', 'workload')).not.toThrow();
    expect(() => one.feed('agent')).not.toThrow();
    expect(() => other.feed('agent')).toThrow(expect.objectContaining({ code: 'rate_limited' }));
  });

  test('of greetings are one for each certificate in all front ends, and one for each address without any', () => {
    const memory = new SharedArrayBuffer(TOKEN_BUCKET_BYTES);
    const clock = testClock();
    const frontEnd = () => new RateLimits(new TokenBuckets(memory, Buffer.from('salt')), clock);
    const both = [frontEnd(), frontEnd()];
    const [mine, others] = [Buffer.from('mine'), Buffer.from('others')];
    for (const leaf of [mine, undefined]) {
      for (let count = 0; count < 10; count += 1) for (const each of both) each.hello(leaf, '192.0.2.1');
      for (const each of both) {
        expect(() => each.hello(leaf, '192.0.2.1')).toThrow(
          expect.objectContaining({ code: 'rate_limited', retryAfter: 1 }),
        );
        expect(() => each.hello(others, '192.0.2.1')).not.toThrow();
        expect(() => each.hello(undefined, '192.0.2.2')).not.toThrow();
      }
    }
    clock.advance(1000);
    for (const each of both) expect(() => each.hello(mine, '192.0.2.1')).not.toThrow();
  });

  test('whoever may open the feed may greet before it, and beside it for a whole state', () => {
    const clock = testClock();
    const limits = new RateLimits(buckets(), clock);
    const leaf = Buffer.from('leaf');
    const connect = (): void => {
      limits.hello(leaf, '192.0.2.1');
      limits.feed('agent');
    };
    for (let count = 0; count < 10; count += 1) connect();
    for (let second = 0; second < 600; second += 1) {
      clock.advance(1000);
      connect();
      // Each of the connections that stay open asks for everything every four minutes.
      if (second % 60 === 0) limits.hello(leaf, '192.0.2.1');
    }
  });

  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::9', '2001:db8:1:2'],
    ['2001:db8::9', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['unknown', 'unknown'],
  ])('a source is what one host can have: %s', (source, key) => expect(sourceKey(source)).toBe(key));

  const attest = defineRoute({
    method: 'POST',
    path: '/attest',
    listeners: ['api'],
    summary: 'attests',
    access: { kind: 'none' },
    sourceLimit: 'attest',
    answers: [],
    refusals: [],
    handle: () => ({}),
  });

  test('over HTTP: 429 with Retry-After, before the handler', async () => {
    const services = testServices({ limits: { ...DEFAULT_LIMITS, perSource: { attest: 2 } } });
    const { server, port } = await startServer([attest], { services });
    const statuses: number[] = [];
    for (let count = 0; count < 4; count++) {
      const answer = await ask({ port, method: 'POST', path: '/attest' });
      statuses.push(answer.status);
      if (answer.status === 429) expect(answer.headers['retry-after']).toBe('1');
    }
    expect(statuses).toEqual([204, 204, 429, 429]);
    await server.close();
  });
});
