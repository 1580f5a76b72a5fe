import { inSlices, mapInSlices } from '../../src/usecases/slices.ts';

test('every item is worked on once, in order, and others take their turn between slices', async () => {
  const seen: (number | 'turn')[] = [];
  const standAside = async () => void seen.push('turn');
  const items = Array.from({ length: 70 }, (_, at) => at);
  await inSlices(items, standAside, (item, at) => {
    expect(at).toBe(item);
    seen.push(item);
  });
  expect(seen.filter((each) => each !== 'turn')).toEqual(items);
  expect(seen.flatMap((each, at) => (each === 'turn' ? [at] : []))).toEqual([32, 65]);
});

test('a short list goes in one piece', async () => {
  const standAside = () => Promise.reject(new Error('nobody waits'));
  expect(await mapInSlices([1, 2, 3], standAside, (item) => item * 2)).toEqual([2, 4, 6]);
});

test('the first that fails ends it', async () => {
  const seen: number[] = [];
  const work = (item: number): void => {
    seen.push(item);
    if (item === 40) throw new Error('no');
  };
  const items = Array.from({ length: 100 }, (_, at) => at);
  await expect(inSlices(items, () => Promise.resolve(), work)).rejects.toThrow('no');
  expect(seen).toHaveLength(41);
});
