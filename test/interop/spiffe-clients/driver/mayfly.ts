import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Program } from './program.ts';

const LAUNCHER = join(import.meta.dirname, '..', '..', '..', '..', 'bin', 'mayfly.js');
const run = promisify(execFile);

/** Runs one command of ours, and gives what it prints with `--json`. */
export const mayfly = async (...args: readonly string[]): Promise<unknown> => {
  const { stdout } = await run(process.execPath, [LAUNCHER, ...args, '--json'], { maxBuffer: 1 << 26 });
  return stdout.trim() === '' ? undefined : JSON.parse(stdout);
};

/** Starts one that goes on running. */
export const startMayfly = (...args: readonly string[]): Program =>
  new Program(`mayfly ${args.slice(0, 2).join(' ')}`, [process.execPath, LAUNCHER, ...args, '--json']);
