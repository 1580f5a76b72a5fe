import { LedgerPool, MAX_WAITING } from '../../src/ledger/pool.ts';
import type { AppendMessage, WriterLink } from '../../src/ledger/pool.ts';
import { SeededEntropy } from '../../src/ledger/seeded-entropy.ts';
import type { Answer } from '../../src/ledger/sequencer.ts';
import { deniedFixture } from '../support/facts.ts';
import { testClock, testEntropy } from '../support/ledger.ts';

/** A writer that answers when the test says so. */
class Writer implements WriterLink {
  readonly sent: AppendMessage[] = [];
  answer: (answers: readonly Answer[]) => void = () => {};
  die: () => void = () => {};

  send(message: AppendMessage): void {
    this.sent.push(message);
  }

  onAnswers(listener: (answers: readonly Answer[]) => void): void {
    this.answer = listener;
  }

  onGone(listener: () => void): void {
    this.die = listener;
  }

  defer(work: () => void): void {
    setImmediate(work);
  }

  groups(at: number): number {
    return (JSON.parse(Buffer.from(this.sent[at]?.groups ?? []).toString()) as unknown[]).length;
  }
}

const start = () => {
  const writer = new Writer();
  const pool = new LedgerPool(writer, testClock(), testEntropy);
  return { writer, pool, append: () => pool.append({ facts: [deniedFixture()] }) };
};

const committed = (index: number): Answer => ({ status: 'committed', epoch: 1, index, time: 0 as never });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a front end', () => {
  test('sends all that waits as one message, and the next only after the last answer', async () => {
    const { writer, append } = start();
    const first = [append(), append(), append()];
    await turn();
    expect([writer.sent.length, writer.groups(0)]).toEqual([1, 3]);
    const later = [append(), append()];
    await turn();
    writer.answer([committed(5), committed(6)]);
    await turn();
    expect(writer.sent).toHaveLength(1);
    writer.answer([committed(7)]);
    expect(await Promise.all(first)).toMatchObject([{ index: 5 }, { index: 6 }, { index: 7 }]);
    expect([writer.sent.length, writer.groups(1)]).toEqual([2, 2]);
    writer.answer([committed(8), { status: 'failed', message: 'too long' }]);
    expect((await Promise.allSettled(later)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  test('sends what all requests of a turn append as one message', async () => {
    const { writer, append } = start();
    const appended = [append()];
    // A request's own continuations run before the next request is looked at.
    await Promise.resolve();
    appended.push(append());
    await turn();
    expect([writer.sent.length, writer.groups(0)]).toEqual([1, 2]);
    writer.answer([committed(0), committed(1)]);
    expect(await Promise.all(appended)).toMatchObject([{ index: 0 }, { index: 1 }]);
  });

  // TL-17
  test('refuses with a time to come back when too many wait, and takes more once they are answered', async () => {
    const { writer, pool, append } = start();
    const waiting = Array.from({ length: MAX_WAITING }, append);
    await expect(append()).rejects.toMatchObject({ code: 'busy', retryAfter: 1 });
    await turn();
    writer.answer(waiting.map((_, index) => committed(index)));
    await Promise.all(waiting);
    expect(pool.waiting).toBe(0);
    const again = append();
    await turn();
    writer.answer([committed(MAX_WAITING)]);
    expect(await again).toMatchObject({ status: 'committed' });
  });

  test('when the writer dies every waiter hears that the outcome is unknown', async () => {
    const { writer, append } = start();
    const sent = append();
    await turn();
    const unsent = append();
    writer.die();
    await expect(sent).rejects.toThrow('unknown');
    await expect(unsent).rejects.toThrow('unknown');
    await expect(append()).rejects.toThrow('unknown');
  });
});

describe('the seed of a message', () => {
  test('gives other octets each time, and the same for the same seed', () => {
    const seed = testEntropy.bytes(32);
    const [one, two] = [new SeededEntropy(seed), new SeededEntropy(seed)];
    const outputs = Array.from({ length: 100 }, () => Buffer.from(one.bytes(32)).toString('hex'));
    expect(new Set(outputs).size).toBe(100);
    expect(Buffer.from(two.bytes(10)).toString('hex')).toBe(outputs[0]?.slice(0, 20));
  });

  test('is 32 octets, and gives at most as many', () => {
    expect(() => new SeededEntropy(new Uint8Array(31))).toThrow(RangeError);
    expect(() => new SeededEntropy(new Uint8Array(32)).bytes(33)).toThrow(RangeError);
  });
});
