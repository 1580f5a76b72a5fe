import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { changedCallers } from './changed.ts';
import { addCounts, Caller, check, finish, HERE, STRANGER } from './harness.ts';
import { leakNothing } from './leaks.ts';
import { otherNamespaces } from './namespaces.ts';
import { passedOn } from './passed-on.ts';

/** Runs `inside.ts` behind `unshare`; callers that it asks for come from outside of its namespaces. */
const inside = async (name: string, unshare: readonly string[]): Promise<void> => {
  const child = spawn('unshare', [...unshare, process.execPath, join(HERE, 'inside.ts'), name], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  let counted = false;
  for await (const line of createInterface({ input: child.stdout })) {
    const { listening, passed, failed, text } = JSON.parse(line) as Record<string, never>;
    if (text !== undefined) console.log(text);
    if (listening !== undefined) {
      const caller = new Caller(listening, [], [`as=${STRANGER}`]);
      await caller.answer();
      child.stdin.write('connected\n');
      child.once('exit', () => void caller.end());
    }
    if (passed !== undefined && failed !== undefined) {
      counted = true;
      addCounts({ passed, failed });
    }
  }
  await ended;
  check(`${name} came to its end`, counted);
};

check('this runs as root', process.getuid?.() === 0, 'users cannot be changed without');
if (process.getuid?.() === 0) {
  await changedCallers();
  await passedOn();
  await otherNamespaces();
  await leakNothing();
  await inside('reuse of process ids', ['--pid', '--fork', '--mount-proc']);
  await inside('callers outside', ['--pid', '--fork', '--mount-proc']);
  await inside('users without a name', ['--user', '--map-root-user']);
}
finish();
