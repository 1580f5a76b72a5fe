import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type ChildProcess, spawn } from 'node:child_process';
import { call, check, counts, hold, Listening, refusalOf, runs, verdict } from './harness.ts';

/** Told to `run.ts`, a line each. */
const tell = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);
console.log = (text: unknown): void => tell({ text: String(text) });

/** The kernel gives the next process the next id that is free. */
const givesNext = (pid: number): void => writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1));

/** A process that has the id of one that ended. */
const withId = async (pid: number): Promise<ChildProcess> => {
  for (;;) {
    givesNext(pid);
    const child = spawn('/bin/sleep', ['60'], { stdio: 'ignore' });
    if (child.pid === pid) return child;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
};

const reuse = async (peerPidfd: boolean): Promise<void> => {
  const how = peerPidfd ? 'pidfd of the socket' : 'process id';
  const listening = await new Listening().listen();
  const { caller, socket } = await call(listening);
  const held = hold(socket, { peerPidfd });
  const ended = once(caller.child, 'exit');
  await caller.does('leave');
  await ended;
  const other = await withId(held.pid);
  await runs(held.pid, '/bin/sleep');
  check(`${how}: a process that was given the id of a caller is not the caller`, !held.isSame());
  check(`${how}: and gets nothing`, (await verdict(held)) === 'unauthenticated');
  if (peerPidfd) {
    const refusal = refusalOf(socket);
    check('nor when the id was given away before anybody looked', refusal?.includes('gone') === true, refusal);
  } else {
    // Written down in the docstring of holdWorkload: older kernels record no more than the id.
    const late = hold(socket, { peerPidfd });
    check('known: by the id alone, its next owner is taken for the caller', late.isSame() && late.uid === 0);
    late.close();
  }
  held.close();
  other.kill('SIGKILL');
  await once(other, 'exit');
  listening.close();
};

/** A caller that `run.ts` starts outside of these namespaces. */
const outside = async (words: string): Promise<void> => {
  const listening = await new Listening().listen();
  const accepted = listening.socket();
  tell({ listening: listening.path });
  const socket = await accepted;
  const refusal = refusalOf(socket);
  check(`a caller outside is refused: ${words}`, refusal?.includes(words) === true, refusal);
  listening.close();
};

const [, , name] = process.argv;
if (name === 'reuse of process ids') {
  await reuse(true);
  await reuse(false);
} else if (name === 'callers outside') await outside('a pid namespace that the agent does not see');
else await outside('no id in the user namespace of the agent');
tell(counts());
process.exit(0);
