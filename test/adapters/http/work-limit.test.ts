import { type Urgency, WorkLimit } from '../../../src/adapters/http/work-limit.ts';

/** Work that ends when it is told to, in the order in which it was begun. */
const bench = (limit: WorkLimit) => {
  const begun: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<string>>();
  const ask = (name: string, items: number, urgency: Urgency = 'other'): Promise<string> => {
    const end = Promise.withResolvers<string>();
    ends.set(name, end);
    return limit.run(items, urgency, () => {
      begun.push(name);
      return end.promise;
    });
  };
  const end = (name: string): void => ends.get(name)?.resolve(name);
  const fail = (name: string, reason: Error): void => ends.get(name)?.reject(reason);
  return { begun, ask, end, fail };
};

/** An event loop that was at work for a share of the time. */
const loopTimes = () => {
  let [now, busy] = [0, 0];
  const pass = (milliseconds: number, share: number): void => {
    now += milliseconds;
    busy += milliseconds * share;
  };
  return { pass, now: () => now, busy: () => busy };
};

const allWaiting = { least: 2, most: 8 };

test('what is beyond the limit waits for those before it, in its order', async () => {
  const { begun, ask, end } = bench(new WorkLimit(loopTimes(), allWaiting));
  const answers = ['a', 'b', 'c', 'd', 'e'].map((name) => ask(name, 1));
  expect(begun).toEqual(['a', 'b']);
  end('b');
  expect(await answers[1]).toBe('b');
  expect(begun).toEqual(['a', 'b', 'c']);
  end('a');
  end('c');
  await answers[2];
  expect(begun).toEqual(['a', 'b', 'c', 'd', 'e']);
  end('d');
  end('e');
  expect(await Promise.all(answers)).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('renewals come before others that have waited longer', async () => {
  const { begun, ask, end } = bench(new WorkLimit(loopTimes(), { least: 1, most: 1 }));
  const first = ask('first', 1);
  const other = ask('other', 1);
  const renewal = ask('renewal', 1, 'renewal');
  end('first');
  await first;
  end('renewal');
  await renewal;
  end('other');
  await other;
  expect(begun).toEqual(['first', 'renewal', 'other']);
});

test('a request for many credentials counts as many, and is begun although it is larger than the limit', async () => {
  const limit = new WorkLimit(loopTimes(), allWaiting);
  const { begun, ask, end } = bench(limit);
  const large = ask('large', 100);
  const small = ask('small', 1);
  expect([begun, limit.items]).toEqual([['large'], 100]);
  end('large');
  await large;
  expect([begun, limit.items]).toEqual([['large', 'small'], 1]);
  end('small');
  await small;
  expect(limit.items).toBe(0);
});

test('work that fails makes room as well, and its caller hears why', async () => {
  const { begun, ask, end, fail } = bench(new WorkLimit(loopTimes(), { least: 1, most: 1 }));
  const failing = ask('failing', 1);
  const next = ask('next', 1);
  fail('failing', new Error('no disk'));
  await expect(failing).rejects.toThrow('no disk');
  expect(begun).toEqual(['failing', 'next']);
  end('next');
  expect(await next).toBe('next');
});

/** Asks for far more than there is room for, and gives the most that were at work at once. */
const flood = async (limit: WorkLimit, atEach: () => void): Promise<number> => {
  let most = 0;
  const one = async (): Promise<void> => {
    most = Math.max(most, limit.items);
    atEach();
    await Promise.resolve();
  };
  await Promise.all(Array.from({ length: 200 }, () => limit.run(1, 'other', one)));
  return most;
};

test('while the disk keeps the event loop idle more are begun, up to a bound, and no longer when it is busy again', async () => {
  const times = loopTimes();
  const limit = new WorkLimit(times, allWaiting);
  expect(await flood(limit, () => times.pass(5, 1))).toBe(2);
  expect(await flood(limit, () => times.pass(5, 0.3))).toBe(8);
  await flood(limit, () => times.pass(5, 1));
  expect(await flood(limit, () => times.pass(5, 1))).toBe(2);
});

test('an idle event loop changes nothing while nobody waits', async () => {
  const times = loopTimes();
  const limit = new WorkLimit(times, allWaiting);
  const alone = (): Promise<void> => limit.run(1, 'other', async () => times.pass(5, 0.1));
  for (let count = 0; count < 100; count += 1) await alone();
  expect(await flood(limit, () => times.pass(5, 1))).toBe(2);
});
