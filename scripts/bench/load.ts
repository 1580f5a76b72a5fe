import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { onCore } from './cores.ts';

/** One certificate with a connection of its own. */
export interface LoadIdentity {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  readonly bodies: readonly string[];
}

/** One request in flight, on its identities' connections in turn. */
export interface LoadClient {
  readonly identities: readonly LoadIdentity[];
}

export interface LoadJob {
  readonly address: string;
  readonly serverName: string;
  /** PEM. */
  readonly ca: string;
  readonly path: string;
  readonly contentType: string;
  readonly clients: readonly LoadClient[];
  readonly warmupMs: number;
  readonly durationMs: number;
  readonly sampleEvery: number;
  readonly serverPid: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** CPU of one operation, in microseconds, on either side. */
  readonly load_cpu_us: number;
  readonly server_cpu_us: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Whole answers, to be verified. */
  readonly samples: readonly string[];
  readonly errors: readonly string[];
}

/** What the bench needs is not on this machine. */
export class MissingTool extends Error {}

const SOURCE = fileURLToPath(new URL('./load', import.meta.url));
/** Where the installer of go.dev puts it, for those whose PATH does not know. */
const USUAL_GO = '/usr/local/go/bin/go';

const goCommand = (): string => {
  if (spawnSync('go', ['version']).status === 0) return 'go';
  if (existsSync(USUAL_GO)) return USUAL_GO;
  throw new MissingTool(
    'the bench needs Go to build its load generator: install it from https://go.dev/dl/, then try again',
  );
};

/** Builds a program of ours in Go into `folder` and gives its path. Throws `MissingTool` without Go. */
export const buildGo = (source: string, folder: string, name: string): string => {
  const program = join(folder, name);
  const built = spawnSync(goCommand(), ['build', '-o', program, '.'], { cwd: source, encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`the load generator does not build: ${built.stderr}`);
  return program;
};

/** The load generator. */
export const buildLoad = (folder: string): string => buildGo(SOURCE, folder, 'load');

/** Puts load on the server and waits for the figures. Rejects when it could not connect or some answers were not 200. */
export const runLoad = async (generator: string, job: LoadJob): Promise<LoadResult> => {
  const [program, args] = onCore('load', [generator]);
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: job.warmupMs + job.durationMs + 60_000,
  });
  child.stdin.end(JSON.stringify(job));
  const output = await text(child.stdout);
  if (output === '') throw new Error('the load generator gave no result');
  const result = JSON.parse(output) as LoadResult;
  const wrong = Object.entries(result.statuses).filter(([status]) => status !== '200');
  if (result.errors.length > 0 || wrong.length > 0 || result.requests === 0) {
    const what = [...result.errors, ...wrong.map(([status, count]) => `${count} answers ${status}`)].join('; ');
    throw new Error(
      `${job.path}: ${what || 'no answer'}${wrong.length > 0 ? `, such as ${result.samples[0] ?? ''}` : ''}`,
    );
  }
  return result;
};
