import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { InvalidArgumentError } from 'commander';
import { CommandRefused, UsageError } from './exit.ts';

export interface HookOptions {
  readonly exec?: string;
  readonly signal?: NodeJS.Signals;
  readonly pidFile?: string;
}

/** HUP, SIGHUP, sighup. */
export const signalName = (text: string): NodeJS.Signals => {
  const name = `SIG${text.toUpperCase().replace(/^SIG/, '')}`;
  if (Object.hasOwn(constants.signals, name)) return name as NodeJS.Signals;
  throw new InvalidArgumentError('write a signal like HUP or USR1');
};

/** Its output is for people, whatever ours is for. */
const runCommand = (command: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 2, 2] });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new CommandRefused(`the command of --exec ended with ${signal ?? code}`));
    });
  });

const signalProcess = (file: string, signal: NodeJS.Signals): void => {
  let text: string;
  try {
    // PostgreSQL writes more than the id into its file, below it.
    text = (readFileSync(file, 'utf8').split('\n', 1)[0] ?? '').trim();
  } catch (error) {
    throw new CommandRefused(`cannot read ${file} (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  }
  const pid = Number(text);
  // 0, 1 and everything below mean more than one process, or the one that must not be meant.
  if (!/^\d{1,10}$/.test(text) || pid < 2) throw new CommandRefused(`${file} does not hold the id of a process`);
  try {
    process.kill(pid, signal);
  } catch (error) {
    throw new CommandRefused(
      `cannot signal process ${pid} (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
    );
  }
};

/** What to do once new files are there. Rejects with `CommandRefused` when it does not work out. */
export const hookOf = ({ exec, signal, pidFile }: HookOptions): (() => Promise<void>) => {
  if ((signal === undefined) !== (pidFile === undefined))
    throw new UsageError('--signal and --pid-file belong together');
  return async () => {
    if (signal !== undefined && pidFile !== undefined) signalProcess(pidFile, signal);
    if (exec !== undefined) await runCommand(exec);
  };
};
