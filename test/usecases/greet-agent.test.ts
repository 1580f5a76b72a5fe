import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import type { HeadAuthenticator, SignedHead } from '../../src/ports/heads.ts';
import type { KnownElsewhere } from '../../src/ports/ledger.ts';
import { headFor, hearHead } from '../../src/usecases/greet-agent.ts';

const agent = 'spiffe://example.org/mayfly/agent/join_token/a' as SpiffeId;
const heads: HeadAuthenticator = {
  sign: (head) => ({ ...head, mac: 'ours' }),
  isOurs: ({ mac }) => mac === 'ours',
};
const rootAt = (size: number): string => `root ${size}`;

const memoryAt = (epoch: number, size: number) => {
  const stopped: KnownElsewhere[] = [];
  const stopWrites = (known: KnownElsewhere): Promise<never> => {
    stopped.push(known);
    return Promise.reject(new Error('stopped'));
  };
  const log = { head: () => ({ logId: 'log', epoch, size, root: rootAt(size) }), rootAt };
  return { stopped, memory: { log, heads, writes: { stopWrites } } };
};

const remembered = (change: Partial<SignedHead> = {}): SignedHead => ({
  logId: 'log',
  epoch: 2,
  size: 10,
  root: rootAt(10),
  agent,
  mac: 'ours',
  ...change,
});

// DEC-11
test.each([
  ['less than the log has', { size: 7, root: rootAt(7) }, true],
  ['the same', {}, true],
  ['an earlier epoch, however long', { epoch: 1, size: 4000 }, false],
  ['another log', { logId: 'other', epoch: 9 }, false],
  ['what is not ours, however new', { epoch: 9, mac: 'invented' }, false],
  ['what is not ours, of another root', { root: 'no root', mac: 'invented' }, false],
])('%s: writing goes on, and the agent too unless it has to resync', async (_what, change, goesOn) => {
  const { memory, stopped } = memoryAt(2, 10);
  await expect(hearHead(memory, remembered(change))).resolves.toBe(goesOn);
  expect(stopped).toEqual([]);
});

test('an agent without memory has to resync', async () => {
  await expect(hearHead(memoryAt(2, 10).memory, undefined)).resolves.toBe(false);
});

test.each([
  ['more facts', { size: 11, root: rootAt(11) }, `the agent ${agent} knows more than the store: epoch 2, size 11`],
  ['a later epoch', { epoch: 3, size: 1 }, `the agent ${agent} knows more than the store: epoch 3, size 1`],
  ['another root', { root: 'no root' }, `the store and the agent ${agent} hold different logs at epoch 2, size 10`],
])('%s: writing stops, and it is said who knows more', async (_what, change, reason) => {
  const { memory, stopped } = memoryAt(2, 10);
  await expect(hearHead(memory, remembered(change))).rejects.toThrow('stopped');
  expect(stopped).toEqual([{ reason: expect.stringContaining(reason), epoch: remembered(change).epoch }]);
});

test('what an agent is given to remember is the head as it stands, with its own name', () => {
  expect(headFor(memoryAt(2, 10).memory, agent)).toEqual(remembered());
});
