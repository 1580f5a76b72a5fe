import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './source-tree.ts';

/** The line of `mayfly dev --json` (DEC-33). */
export interface ReadyLine {
  readonly ready: true;
  readonly trustDomain: string;
  readonly api: string;
  readonly public: string;
  readonly adminSocket: string;
  readonly workloadSocket: string | null;
  readonly agent: string | null;
  readonly bundleFile: string;
  readonly dataDir: string;
  readonly pid: number;
}

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** From the signal to the end of the process. */
  readonly tookMs: number;
}

/** `mayfly dev --json` as a process of its own. It never outlives its time. */
export interface DevChild {
  readonly line: ReadyLine;
  stdout(): string;
  stderr(): string;
  end(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<ChildEnd>;
}

const MAX_LIFE_MS = 30_000;

export const startDevChild = (args: readonly string[]): Promise<DevChild> => {
  const { promise, resolve, reject } = Promise.withResolvers<DevChild>();
  const { PATH, HOME, TMPDIR } = process.env;
  const program = [join(ROOT, 'bin/mayfly.js'), 'dev', '--json', ...args];
  const child: ChildProcess = spawn(process.execPath, program, { env: { PATH, HOME, TMPDIR }, stdio: 'pipe' });
  const killer = setTimeout(() => child.kill('SIGKILL'), MAX_LIFE_MS);
  const ended = new Promise<Omit<ChildEnd, 'tookMs'>>((done) => {
    child.once('close', (code, signal) => {
      clearTimeout(killer);
      reject(new Error(`the server ended before it was ready: ${stdout}${stderr}`));
      done({ code, signal });
    });
  });
  let stdout = '';
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const isFirst = !stdout.includes('\n');
    stdout += text;
    if (!isFirst || !stdout.includes('\n')) return;
    const line = JSON.parse(stdout.slice(0, stdout.indexOf('\n'))) as Partial<ReadyLine>;
    if (line.ready !== true) return;
    resolve({
      line: line as ReadyLine,
      stdout: () => stdout,
      stderr: () => stderr,
      end: async (signal) => {
        const start = performance.now();
        child.kill(signal);
        return { ...(await ended), tookMs: performance.now() - start };
      },
    });
  });
  child.once('error', reject);
  return promise;
};
