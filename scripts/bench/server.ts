import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onCore } from './cores.ts';
import type { BenchOptions } from './options.ts';

export interface BenchServer {
  /** `https://127.0.0.1:<port>`. */
  readonly api: string;
  readonly public: string;
  readonly bundleFile: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const LAUNCHER = fileURLToPath(new URL('../../bin/mayfly.js', import.meta.url));
const START_MS = 30_000;

const readyLine = async (child: ChildProcess): Promise<Omit<BenchServer, 'stop'>> => {
  if (!child.stdout) throw new Error('the server has no output');
  const lines = createInterface(child.stdout);
  const [line] = (await Promise.race([
    once(lines, 'line', { signal: AbortSignal.timeout(START_MS) }),
    once(child, 'exit').then(() => Promise.reject(new Error('the server ended before it was ready'))),
  ])) as [string];
  return JSON.parse(line) as Omit<BenchServer, 'stop'>;
};

/** The program as people run it, with its default limits, on a folder that was prepared. One front end stays on one core. */
export const startBenchServer = async (
  dataDir: string,
  trustDomain: string,
  { frontEnds, serverFlags }: Pick<BenchOptions, 'frontEnds' | 'serverFlags'>,
): Promise<BenchServer> => {
  const dev = [
    'dev',
    '--json',
    '--data-dir',
    dataDir,
    '--trust-domain',
    trustDomain,
    '--front-ends',
    String(frontEnds),
  ];
  const [program, args] = onCore(frontEnds === 1 ? 'server' : 'any', [
    process.execPath,
    ...serverFlags,
    LAUNCHER,
    ...dev,
  ]);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  const ready = await readyLine(child);
  return {
    ...ready,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      process.off('exit', kill);
    },
  };
};
