import { failureOf } from '../../src/cli/exit.ts';
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

const exitAfter = async (error: unknown): Promise<number | undefined> => {
  const fail = async (): Promise<never> => {
    throw error;
  };
  try {
    return await starting('server', fail);
  } catch (thrown) {
    return failureOf(thrown)?.exit;
  }
};

test.each(['SQLITE_FULL', 'SQLITE_IOERR_WRITE', 'ENOSPC', 'EDQUOT', 'EROFS', 'EIO'])(
  'a start that %s keeps from succeeding could not tell: it may be tried again',
  async (code) => {
    expect(await exitAfter(Object.assign(new Error('the disk'), { code }))).toBe(3);
  },
);

test.each(['EACCES', 'SQLITE_CORRUPT', 'SQLITE_NOTADB', undefined])(
  'a start that %s keeps from succeeding is refused: trying again mends nothing',
  async (code) => {
    expect(await exitAfter(Object.assign(new Error('the store'), { code }))).toBe(1);
  },
);
