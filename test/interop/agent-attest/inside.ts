import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { peerCredentials } from '../../../src/adapters/system/peer-credentials.ts';
import { programSight } from '../../../src/adapters/system/process-sight.ts';
import { descriptorOf } from '../../support/unix-callers.ts';
import { call, check, counts, hold, Listening, refusalOf, runs, STRANGER, until, verdict } from './harness.ts';

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

/** A caller that `run.ts` starts outside, who does what is told as `say`. */
const fromOutside = async (listening: Listening, as: string): Promise<Socket> => {
  const accepted = listening.socket();
  tell({ listening: listening.path, as });
  return accepted;
};

const outside = async (words: string): Promise<void> => {
  const listening = await new Listening().listen();
  const socket = await fromOutside(listening, String(STRANGER));
  const refusal = refusalOf(socket);
  check(`a caller outside is refused: ${words}`, refusal?.includes(words) === true, refusal);
  listening.close();
};

const isOfProgram = (selector: string): boolean => /^unix:(?:path|sha256):/.test(selector);

/** Callers are root's: another user, whose auxiliary vectors are closed to this one. */
const ptraceAlone = async (): Promise<void> => {
  const listening = await new Listening().listen();
  const programs = programSight();
  check('the agent says that it may look, and what is closed to it', programs.ok, programs.detail);
  check('and by which capability', programs.detail.includes('CAP_DAC_READ_SEARCH'), programs.detail);

  const before = await fromOutside(listening, '0');
  tell({ say: 'exec /bin/sleep 60' });
  await runs(peerCredentials(descriptorOf(before)).pid ?? 0, '/bin/sleep');
  const sleeping = hold(before);
  const selectors = [...(await verdict(sleeping))];
  check('path and hash of another user’s program are told', selectors.filter(isOfProgram).length === 2, selectors);
  sleeping.close();

  const anew = hold(await fromOutside(listening, '0'));
  check('a caller that does nothing is the same', anew.program !== undefined && anew.isSame());
  tell({ say: 'again' });
  await until(() => !anew.isSame());
  check('one that runs the same program anew gets nothing', (await verdict(anew)) === 'unauthenticated');
  anew.close();

  const another = hold(await fromOutside(listening, '0'));
  tell({ say: 'exec /bin/sleep 60' });
  await runs(another.pid, '/bin/sleep');
  check('nor does one that runs another', !another.isSame() && (await verdict(another)) === 'unauthenticated');
  another.close();

  const gone = hold(await fromOutside(listening, '0'));
  tell({ say: `setuid ${STRANGER}` });
  await until(() => !gone.isSame());
  check('nor one that changed its user', (await verdict(gone)) === 'unauthenticated');
  gone.close();
  listening.close();
};

const [, , name] = process.argv;
if (name === 'reuse of process ids') {
  await reuse(true);
  await reuse(false);
} else if (name === 'CAP_SYS_PTRACE alone') await ptraceAlone();
else if (name === 'callers outside') await outside('a pid namespace that the agent does not see');
else await outside('no id in the user namespace of the agent');
tell(counts());
process.exit(0);
