import { FairTurns } from '../../../../src/adapters/workload-api/http2/fair-turns.ts';
import { grpcHeaders, RawHttp2, X509_PATH } from '../../../support/raw-http2.ts';
import { startWorkloadApi } from '../../../support/workload-stand-in.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const FULL = 512;

describe('the turns of users', () => {
  test('who has had enough waits, one after the other, and is called once', async () => {
    const share = new FairTurns().share();
    const order: number[] = [];
    const enough = (place: number) => (): void => {
      order.push(place);
      share.spend(FULL);
    };
    expect(share.isQueued).toBe(false);
    share.spend(FULL - 1);
    expect(share.isSpent).toBe(false);
    share.spend(1);
    expect([share.isSpent, share.isQueued]).toEqual([true, true]);
    for (const place of [1, 2, 3]) share.wait(enough(place));
    expect(order).toEqual([]);
    await turn();
    expect(order).toEqual([1]);
    await turn();
    expect(order).toEqual([1, 2]);
    expect(share.isQueued).toBe(true);
    await turn();
    await turn();
    await turn();
    expect(order).toEqual([1, 2, 3]);
    expect([share.isSpent, share.isQueued]).toEqual([false, false]);
  });

  test('one user spends nothing of another', () => {
    const turns = new FairTurns();
    const [greedy, other] = [turns.share(), turns.share()];
    greedy.spend(FULL * 100);
    greedy.wait(() => undefined);
    expect([other.isSpent, other.isQueued]).toEqual([false, false]);
  });

  test('who goes away while waiting is not called', async () => {
    const share = new FairTurns().share();
    share.spend(FULL);
    let isCalled = false;
    share.wait(() => {
      isCalled = true;
    })();
    await turn();
    await turn();
    expect(isCalled).toBe(false);
  });
});

test('a user with many requests on many connections does not hold up another', async () => {
  let uid = 1000;
  const world = await startWorkloadApi({ peerUid: () => uid });
  // Without the security header: the answer is short, and the same work.
  const ask = (raw: RawHttp2, stream: number): void => raw.request(stream, grpcHeaders(X509_PATH));
  const opened = async (): Promise<RawHttp2> => {
    const raw = await RawHttp2.open(world.path);
    ask(raw, 1);
    await raw.answer(1);
    return raw;
  };
  const greedy: RawHttp2[] = [];
  for (let count = 0; count < 20; count++) greedy.push(await opened());
  uid = 2000;
  const modest = await opened();

  const requests = Array.from({ length: 100 }, (_, at) => 3 + 2 * at);
  for (const raw of greedy) for (const stream of requests) ask(raw, stream);
  ask(modest, 3);
  expect((await modest.answer(3)).headers).toMatchObject({ 'grpc-status': '3' });
  const answered = greedy.map(({ frames }) => new Set(frames.map(({ stream }) => stream).filter((id) => id > 1)).size);
  expect(answered.reduce((sum, count) => sum + count)).toBeLessThan((greedy.length * requests.length) / 2);

  // Nobody is forgotten over it.
  const answers = await Promise.all(greedy.map(async (raw) => raw.answer(requests.at(-1) ?? 0)));
  expect(new Set(answers.map(({ headers }) => headers['grpc-status']))).toEqual(new Set(['3']));
  for (const raw of [...greedy, modest]) raw.close();
  await world.stop();
});
