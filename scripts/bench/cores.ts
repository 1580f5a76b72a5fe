import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Server and load take a core each, so that neither waits for the other. */
export const SERVER_CORE = 0;
const LOAD_CORE = 1;

const canPin = availableParallelism() > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0;

export type Core = 'server' | 'load' | 'any';

/** Whether programs stay on the core that they are given: Linux with two cores and `taskset`. */
export const isPinned = canPin;

/** The command line that runs a program on one core, or as it is where that cannot be done. */
export const onCore = (core: Core, command: readonly string[]): readonly [string, readonly string[]] => {
  const number = core === 'server' ? SERVER_CORE : LOAD_CORE;
  const [program = '', ...args] = canPin && core !== 'any' ? ['taskset', '-c', String(number), ...command] : command;
  return [program, args];
};
