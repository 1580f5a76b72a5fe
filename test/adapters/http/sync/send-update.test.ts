import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { AgentStream, MAX_WAITING_BYTES } from '../../../../src/adapters/http/sync/agent-stream.ts';
import { sendUpdate } from '../../../../src/adapters/http/sync/send-update.ts';
import type { SpiffeId } from '../../../../src/domain/spiffe-id.ts';
import type { CredentialRow } from '../../../../src/ports/views.ts';

const line = (text: string): Buffer => Buffer.from(`${text}\n`);

/** A stream that keeps what it is told, and turns of the event loop that the test gives. */
const newTelling = (...parts: readonly (readonly string[])[]) => {
  let said = '';
  const socket = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      said += chunk.toString();
      done();
    },
  });
  const dropped: string[] = [];
  const owner = {
    received: () => undefined,
    ended: () => undefined,
    closed: () => undefined,
    dropped: (_stream: AgentStream, reason: string) => void dropped.push(reason),
  };
  const agent = 'spiffe://example.org/mayfly/agent/x509pop/one' as SpiffeId;
  const scope = { agent, row: {} as CredentialRow, groups: [], source: '', id: 0, now: 0 };
  const stream = new AgentStream(owner, socket as unknown as Socket, scope);
  let worked = 0;
  const lines = function* () {
    for (const part of parts) {
      worked += 1;
      yield part.map(line);
    }
  };
  const turns: (() => void)[] = [];
  const done = sendUpdate(stream, lines(), () => new Promise((resolve) => turns.push(resolve)));
  const turn = async (): Promise<void> => {
    turns.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { stream, done, turn, dropped, said: () => said.trim().split('\n'), worked: () => worked };
};

test('a state of one part is told at once', () => {
  const { stream, said } = newTelling(['reset', 'cursor']);
  expect(said()).toEqual(['reset', 'cursor']);
  expect(stream.isFlowing).toBe(true);
});

test('what changes meanwhile is told after all of it, in order', async () => {
  const { stream, done, turn, said, worked } = newTelling(['reset', 'a'], ['b'], ['c', 'cursor 1']);
  // A part was worked out, and is told in its turn.
  expect([said(), worked(), stream.isFlowing]).toEqual([['reset', 'a'], 2, false]);
  stream.send([line('change'), line('cursor 2')]);
  await turn();
  stream.send([line('other change'), line('cursor 3')]);
  expect(said()).toEqual(['reset', 'a', 'b']);
  await turn();
  await done;
  expect(said().slice(3)).toEqual(['c', 'cursor 1', 'change', 'cursor 2', 'other change', 'cursor 3']);
  expect(stream.isFlowing).toBe(true);
});

test('nothing more is worked out for one that has ended, and its last line is the last', async () => {
  const { stream, done, turn, said, worked } = newTelling(['a'], ['b'], ['c'], ['d']);
  stream.send([line('change')]);
  stream.end('shutdown', line('bye'));
  await turn();
  await done;
  expect([said(), worked()]).toEqual([['a', 'bye'], 2]);
});

test('changes do not gather without end', () => {
  const { stream, dropped } = newTelling(['a'], ['b']);
  stream.send([Buffer.alloc(MAX_WAITING_BYTES)]);
  expect(dropped).toEqual([]);
  stream.send([line('one more')]);
  expect(dropped).toHaveLength(1);
});
