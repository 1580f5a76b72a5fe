import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onCore } from './cores.ts';
import { freePort } from './free-port.ts';
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

const ADDRESS = '127.0.0.1';

/** A configuration with what has no default; the seal key lies beside the data, not in it. */
const writeConfig = async (dataDir: string, trustDomain: string, frontEnds: number): Promise<string> => {
  const folder = mkdtempSync(join(dirname(dataDir), 'server-'));
  const sealKey = join(folder, 'seal.key');
  copyFileSync(join(dataDir, 'seal.key'), sealKey);
  mkdirSync(join(folder, 'run'), { mode: 0o700 });
  const anywhere = { address: ADDRESS, port: 0 };
  const publicPort = await freePort();
  const server = {
    dataDir,
    sealKey,
    api: anywhere,
    public: { address: ADDRESS, port: publicPort, url: `https://${ADDRESS}:${publicPort}` },
    metrics: anywhere,
    admin: { socket: join(folder, 'run', 'admin.sock') },
    frontEnds,
  };
  const config = join(folder, 'mayfly.yaml');
  // JSON is YAML.
  writeFileSync(config, JSON.stringify({ trustDomain, server }));
  return config;
};

/** `mayfly server run`, with its default limits, on a folder that was prepared. One front end stays on one core. */
export const startBenchServer = async (
  dataDir: string,
  trustDomain: string,
  { frontEnds, serverFlags }: Pick<BenchOptions, 'frontEnds' | 'serverFlags'>,
): Promise<BenchServer> => {
  const config = await writeConfig(dataDir, trustDomain, frontEnds);
  const command = [process.execPath, ...serverFlags, LAUNCHER, 'server', 'run', '--json', '--config', config];
  const [program, args] = onCore(frontEnds === 1 ? 'server' : 'any', command);
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
