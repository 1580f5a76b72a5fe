import { starting } from '../../src/cli/serve.ts';

const taken = Object.assign(new Error('listen EADDRINUSE'), {
  code: 'EADDRINUSE',
  syscall: 'listen',
  address: '127.0.0.1',
  port: 9465,
});

test.each([
  ['server', 'mayfly server check says which listener wants it'],
  ['agent', 'agent.metrics.port wants it'],
] as const)('a port that is taken is named, and who of the %s wants it', async (what, whose) => {
  await expect(starting(what, () => Promise.reject(taken))).rejects.toThrow(
    `the ${what} does not start: 127.0.0.1 port 9465 is taken; ${whose}`,
  );
});
