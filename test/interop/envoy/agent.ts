import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';

const MAYFLY = join(import.meta.dirname, '../../../bin/mayfly.js');
const STOP_MS = 10_000;

export interface AgentProcess {
  /** Lines of its log, newest last. */
  readonly log: readonly string[];
  stop(): Promise<void>;
}

/** `mayfly agent run`; resolves when it serves workloads. */
export const startAgent = async (configFile: string): Promise<AgentProcess> => {
  const child = spawn(process.execPath, [MAYFLY, 'agent', 'run', '--config', configFile, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const closed = once(child, 'close');
  const ready = once(createInterface({ input: child.stdout }), 'line');
  await Promise.race([ready, closed.then(() => Promise.reject(new Error(`no agent: ${log.join('\n')}`)))]);
  return {
    log,
    stop: async () => {
      const late = setTimeout(kill, STOP_MS);
      child.kill('SIGTERM');
      await closed;
      clearTimeout(late);
      process.off('exit', kill);
    },
  };
};
