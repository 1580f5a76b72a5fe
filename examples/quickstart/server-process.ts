import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { Unexpected } from '../shared/request.ts';

/** The line of `mayfly dev --json` (DEC-33). */
const Ready = z.object({
  ready: z.literal(true),
  trustDomain: z.string(),
  api: z.url(),
  public: z.url(),
  adminSocket: z.string(),
  /** Null where there is no agent: elsewhere than on Linux. */
  workloadSocket: z.string().nullable(),
  agent: z.string().nullable(),
  bundleFile: z.string(),
  dataDir: z.string(),
  pid: z.int(),
});
export type Ready = z.output<typeof Ready>;

const MAYFLY = fileURLToPath(new URL('../../bin/mayfly.js', import.meta.url));
const START_MS = 20_000;
/** The server needs two seconds at most to end in order. */
const STOP_MS = 4_000;

/** The first line that a child prints, or why there is none. */
const firstLine = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    let out = '';
    let err = '';
    const timer = setTimeout(() => reject(new Unexpected('the server did not start within 20 s')), START_MS);
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk;
      const end = out.indexOf('\n');
      if (end >= 0) resolve(out.slice(0, end));
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      err = (err + chunk).slice(-2000);
    });
    child.once('error', (error) => reject(new Unexpected(`the server cannot be started: ${error.message}`)));
    child.once('exit', () => reject(new Unexpected(`the server ended before it was ready: ${err.trim()}`)));
    // The promise is settled by then in every case but the first.
    child.once('close', () => clearTimeout(timer));
    child.stdout?.once('data', () => clearTimeout(timer));
  });

/** `mayfly dev --json` as a child of this process. */
export class ServerProcess {
  readonly #child: ChildProcess;
  /** Resolves when the server has ended, whoever ended it. */
  readonly ended: Promise<void>;

  constructor(dataDir: string) {
    this.#child = spawn(process.execPath, [MAYFLY, 'dev', '--json', '--data-dir', dataDir], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', () => resolve());
    });
  }

  /** Where the server is, once it can issue. */
  async ready(): Promise<Ready> {
    const line = await firstLine(this.#child);
    const parsed = Ready.safeParse(JSON.parse(line));
    if (!parsed.success) throw new Unexpected('the first line of `mayfly dev --json` is not as documented');
    return parsed.data;
  }

  /** In order if it can, within four seconds in any case. */
  async stop(): Promise<void> {
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    this.#child.kill('SIGTERM');
    await this.ended;
    clearTimeout(patience);
  }

  /** At once, for a process that is about to end itself. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** The roots of the trust domain, PEM. A workload gets them with its deployment; here they lie in the next folder. */
export const readBundle = ({ bundleFile }: Ready): string => readFileSync(bundleFile, 'utf8');
