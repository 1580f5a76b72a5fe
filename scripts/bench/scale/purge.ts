import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onCore } from '../cores.ts';
import { runOpenLoad } from '../open-load.ts';
import { BENCH_OPERATIONS } from '../operations.ts';
import type { BenchServer } from '../server.ts';
import { atMost, type Bar, told } from './bars.ts';
import type { DataSet } from './data-set.ts';
import { askable, closedLoop, grown, type LoadOptions, type Progress } from './flat.ts';

export interface PurgeOptions extends LoadOptions {
  /** How long the load goes on while rows are purged. */
  readonly seconds: number;
}

const SERVER = fileURLToPath(new URL('./purge-server.ts', import.meta.url));
const P99_BAR = 2;
const SAMPLE_EVERY = 1000;
const PATIENCE_MS = 1000;

type Counts = Readonly<Record<string, number>>;

interface PurgingServer extends BenchServer {
  /** Runs retention; resolves with what was removed, when it has ended. */
  purge(): Promise<Counts>;
}

interface FromServer {
  readonly ready?: Omit<BenchServer, 'pid' | 'stop'>;
  readonly counts?: Counts;
  readonly ended?: boolean;
}

const startPurgingServer = async (dataDir: string, trustDomain: string): Promise<PurgingServer> => {
  const [program, args] = onCore('server', [process.execPath, SERVER, dataDir, trustDomain]);
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'ignore', 'ipc'] });
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = once(child, 'exit');
  const gone = ended.then(() => Promise.reject(new Error('the server ended by itself')));
  gone.catch(() => undefined);
  const hear = async (): Promise<FromServer> => {
    const [message] = (await Promise.race([once(child, 'message'), gone])) as [FromServer];
    return message;
  };
  const { ready } = await hear();
  if (!ready) throw new Error('the server did not say where it listens');
  return {
    ...ready,
    pid: child.pid ?? 0,
    purge: async () => {
      child.send('purge');
      let counts: Counts = {};
      for (let heard = await hear(); heard.ended !== true; heard = await hear()) counts = heard.counts ?? counts;
      return counts;
    },
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      process.off('exit', kill);
    },
  };
};

/** Load at half of what the server can do, before rows are purged and while they are. */
export const measurePurge = async (
  dataDir: string,
  dataSet: DataSet,
  options: PurgeOptions,
  { generator, progress }: { generator: string; progress: Progress },
): Promise<readonly Bar[]> => {
  const [name = 'x509-svid'] = options.operations;
  const prepared = await grown(dataDir, dataSet);
  const server = await startPurgingServer(dataDir, prepared.trustDomain);
  try {
    const asked = await askable(server, prepared);
    progress(`${name}, ${options.clients} clients`);
    const { requests, seconds } = await closedLoop(asked, generator, name, options);
    const rate = requests / seconds / 2;
    const { path, contentType, identities } = BENCH_OPERATIONS[name];
    const { host, hostname } = new URL(server.api);
    const phases = [
      { rate, durationMs: options.warmupMs },
      { rate, durationMs: options.seconds * 1000 },
      { rate, durationMs: options.seconds * 1000 },
    ];
    progress(`${rate.toFixed(0)} a second, then the same while rows are purged`);
    const load = runOpenLoad(
      generator,
      { address: host, serverName: hostname, ca: asked.ca },
      [{ name, path, contentType, identities: identities(prepared), phases }],
      { sampleEvery: SAMPLE_EVERY, patienceMs: PATIENCE_MS, serverPid: server.pid },
    );
    await new Promise((resolve) => setTimeout(resolve, options.warmupMs + options.seconds * 1000));
    const began = performance.now();
    const counts = await server.purge();
    const purgeSeconds = (performance.now() - began) / 1000;
    const [, before, during] = (await load).streams[0]?.phases ?? [];
    if (!before || !during) throw new Error('the load generator gave no figures');
    const refused = Object.entries(during.statuses).reduce((sum, [status, n]) => sum + (status === '200' ? 0 : n), 0);
    const { credentials = 0 } = counts;
    return [
      told('issued a second meanwhile', rate, '/s'),
      told('credentials purged', credentials, ''),
      told('time that it took', purgeSeconds, 's'),
      told('credentials purged a second', credentials / purgeSeconds, '/s'),
      told('p50 before', before.p50_ms, 'ms'),
      told('p50 meanwhile', during.p50_ms, 'ms'),
      told('p99 before', before.p99_ms, 'ms'),
      told('p99 meanwhile', during.p99_ms, 'ms'),
      atMost('p99 meanwhile over before', during.p99_ms / before.p99_ms, '×', P99_BAR),
      atMost('answers that were not 200', refused, '', 0),
    ];
  } finally {
    await server.stop();
  }
};
