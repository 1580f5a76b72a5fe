import { Writable } from 'node:stream';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { systemEntropy } from '../../../src/adapters/system/entropy.ts';
import { systemLogger } from '../../../src/adapters/system/logger.ts';
import { peerCredentials } from '../../../src/adapters/system/peer-credentials.ts';
import { systemTimers } from '../../../src/adapters/system/timers.ts';

test('the monotonic clock never goes back, and is that of the machine', () => {
  let last = systemClock.monotonic();
  for (let count = 0; count < 1000; count++) {
    const next = systemClock.monotonic();
    expect(next).toBeGreaterThanOrEqual(last);
    last = next;
  }
  expect(Math.abs(last - Number(process.hrtime.bigint() / 1_000_000n))).toBeLessThan(1000);
  expect(Number.isSafeInteger(systemClock.now())).toBe(true);
});

test('time since boot counts on where it is known, and is not the wall clock', () => {
  const since = systemClock.sinceBoot?.() ?? 0;
  expect(systemClock.sinceBoot !== undefined).toBe(process.platform === 'linux');
  expect(systemClock.sinceBoot?.() ?? 0).toBeGreaterThanOrEqual(since);
  expect(since).toBeLessThan(systemClock.now() / 2);
});

test('entropy never hands out the same octets, and what was handed out is the receiver’s own', () => {
  const entropy = systemEntropy();
  const seen = new Set<string>();
  for (let count = 0; count < 2000; count++) seen.add(Buffer.from(entropy.bytes(10)).toString('hex'));
  expect(seen.size).toBe(2000);
  const first = entropy.bytes(16);
  const before = Buffer.from(first).toString('hex');
  entropy.bytes(64).fill(0);
  expect(Buffer.from(first).toString('hex')).toBe(before);
  expect(first.buffer.byteLength).toBe(16);
  for (const size of [0, 1, 64, 65, 5000]) expect(entropy.bytes(size)).toHaveLength(size);
});

test('log lines are JSON, and members that could hold secrets are masked', () => {
  const written: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      written.push(chunk.toString());
      done();
    },
  });
  const logger = systemLogger('info', stream).with({ listener: 'api' });
  logger.debug('not this');
  logger.warn('this', { route: '/a', token: 's1', request: { authorization: 's2', nested: { privateKey: 's3' } } });
  expect(written).toHaveLength(1);
  expect(JSON.parse(written[0] ?? '')).toMatchObject({
    msg: 'this',
    listener: 'api',
    route: '/a',
    token: '[redacted]',
    request: { authorization: '[redacted]', nested: { privateKey: '[redacted]' } },
  });
  expect(written[0]).not.toMatch(/s[123]/);
});

test('work repeats without overlapping itself, until it is stopped', async () => {
  let running = 0;
  let ran = 0;
  const thrice = Promise.withResolvers<void>();
  const stop = systemTimers.repeat(1, async () => {
    running += 1;
    expect(running).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    ran += 1;
    if (ran === 3) thrice.resolve();
  });
  await thrice.promise;
  stop();
  const later = Promise.withResolvers<void>();
  systemTimers.after(5, later.resolve);
  const callOff = systemTimers.after(1, () => {
    ran = 100;
  });
  callOff();
  await later.promise;
  expect(ran).toBe(3);
});

test('credentials are read from sockets only', () => {
  expect(() => peerCredentials(-1)).toThrow('the kernel does not tell');
});
