import { UserQueues } from '../../../src/adapters/workload-attestors/user-queues.ts';

/** Work that ends when it is told to. */
const newWork = () => {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string) => async (): Promise<string> => {
    begun.push(name);
    await new Promise<void>((resolve) => ends.set(name, resolve));
    return name;
  };
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { begun, work, end };
};

test('each user has one piece of work under way, and others do not wait for the rest of it', async () => {
  const queues = new UserQueues(3);
  const { begun, work, end } = newWork();
  const all = ['a1', 'a2', 'a3', 'b1'].map((name) => queues.run(name.startsWith('a') ? 1 : 2, work(name)));
  expect(begun).toEqual(['a1', 'b1']);
  await end('b1');
  expect(begun).toEqual(['a1', 'b1']);
  await end('a1');
  expect(begun).toEqual(['a1', 'b1', 'a2']);
  await end('a2');
  await end('a3');
  expect(await Promise.all(all)).toEqual(['a1', 'a2', 'a3', 'b1']);
});

test('where all places are taken, users take turns', async () => {
  const queues = new UserQueues(1);
  const { begun, work, end } = newWork();
  const names = ['a1', 'a2', 'a3', 'b1', 'b2', 'c1'];
  const all = names.map((name) => queues.run(name.charCodeAt(0), work(name)));
  for (const name of ['a1', 'b1', 'c1', 'a2', 'b2', 'a3']) await end(name);
  await Promise.all(all);
  expect(begun).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
});

test('work that fails makes room like any other', async () => {
  const queues = new UserQueues(1);
  const failed = queues.run(1, () => Promise.reject(new Error('no file')));
  const next = queues.run(1, () => Promise.resolve('there'));
  await expect(failed).rejects.toThrow('no file');
  expect(await next).toBe('there');
});
