import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import type { Failpoint } from '../../src/adapters/sqlite/messages.ts';
import { folderAt } from './reseal-world.ts';

/** Where the process dies: around the commit, or right before one of its calls to the file system. */
export type Death =
  | { readonly failpoint: Failpoint }
  | {
      readonly call: 'linkSync' | 'renameSync' | 'fsyncSync' | 'writeSync' | 'rmSync' | 'chownSync';
      readonly nth: number;
    };

const [root = '', text = ''] = process.argv.slice(2);
const death = JSON.parse(text) as Death;

if ('call' in death) {
  const { call, nth } = death;
  const before = fs[call] as (...args: readonly unknown[]) => unknown;
  let calls = 0;
  Object.assign(fs, {
    [call]: (...args: readonly unknown[]): unknown => {
      calls += 1;
      if (calls === nth) process.kill(process.pid, 'SIGKILL');
      return before(...args);
    },
  });
  syncBuiltinESMExports();
}
const { resealServer } = await import('../../src/compose/reseal-server.ts');
await resealServer({
  ...folderAt(root).options,
  ...('failpoint' in death && { testing: { failpoint: death.failpoint } }),
});
process.exit(0);
