import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import type { ProgramFile, WorkloadProcess } from '../../src/ports/workload-attestor.ts';

export const fileOf = (path: string): ProgramFile => {
  const { dev, ino } = statSync(path, { bigint: true });
  return { device: dev, inode: ino };
};

/** A process that is taken for the same, whatever becomes of it. */
export const heldProcess = (fields: Partial<WorkloadProcess> = {}): WorkloadProcess => ({
  pid: process.pid,
  uid: 1000,
  gid: 1000,
  groups: [],
  program: fileOf('/proc/self/exe'),
  isSame: () => true,
  close: () => undefined,
  ...fields,
});

/** Runs a program until the test ends it. */
export const running = async (path: string, ...args: readonly string[]) => {
  const child = spawn(path, args, { stdio: 'ignore' });
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  // Between fork and exec it still shows the program that started it.
  while (readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0] !== path);
  return {
    held: (fields: Partial<WorkloadProcess> = {}) =>
      heldProcess({ pid, program: fileOf(`/proc/${pid}/exe`), ...fields }),
    end: async (): Promise<void> => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
};
