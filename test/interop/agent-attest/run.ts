import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { changedCallers } from './changed.ts';
import { addCounts, Caller, check, finish, HERE, STRANGER } from './harness.ts';
import { leakNothing } from './leaks.ts';
import { otherNamespaces } from './namespaces.ts';
import { passedOn } from './passed-on.ts';

/** Runs `inside.ts` behind another command; callers that it asks for come from outside of its namespaces. */
const inside = async (name: string, [command = 'unshare', ...args]: readonly string[]): Promise<void> => {
  const child = spawn(command, [...args, process.execPath, join(HERE, 'inside.ts'), name], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  let counted = false;
  let caller: Caller | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    const { listening, as, say, passed, failed, text } = JSON.parse(line) as Record<string, never>;
    if (text !== undefined) console.log(text);
    if (listening !== undefined) {
      const outside = new Caller(listening, [], [`as=${as}`]);
      await outside.answer();
      child.once('exit', () => void outside.end());
      caller = outside;
    }
    if (say !== undefined) caller?.say(say);
    if (passed !== undefined && failed !== undefined) {
      counted = true;
      addCounts({ passed, failed });
    }
  }
  await ended;
  check(`${name} came to its end`, counted);
};

/** A user that is not root, with one capability. */
const withCapability = (name: string): readonly string[] => [
  'setpriv',
  `--reuid=${STRANGER}`,
  `--regid=${STRANGER}`,
  '--clear-groups',
  ...['inh-caps', 'ambient-caps', 'bounding-set'].map((set) => `--${set}=-all,+${name}`),
];

check('this runs as root', process.getuid?.() === 0, 'users cannot be changed without');
if (process.getuid?.() === 0) {
  await changedCallers();
  await passedOn();
  await otherNamespaces();
  await leakNothing();
  await inside('reuse of process ids', ['unshare', '--pid', '--fork', '--mount-proc']);
  await inside('callers outside', ['unshare', '--pid', '--fork', '--mount-proc']);
  await inside('CAP_SYS_PTRACE alone', withCapability('sys_ptrace'));
  await inside('users without a name', ['unshare', '--user', '--map-root-user']);
}
finish();
