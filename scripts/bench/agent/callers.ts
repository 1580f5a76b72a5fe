import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { onCore } from '../cores.ts';
import { buildGo } from '../load.ts';

const SOURCE = fileURLToPath(new URL('../callers', import.meta.url));
const PATIENCE_MS = 30_000;

/** Builds the workloads into `folder` and gives the program's path. Throws `MissingTool` without Go. */
export const buildCallers = (folder: string): string => buildGo(SOURCE, folder, 'callers');

export type Method = 'FetchX509SVID' | 'FetchJWTSVID';

/** What the program is asked to do; see its main.go. */
export interface CallersJob {
  readonly mode: 'calls' | 'watch' | 'first';
  readonly socket: string;
  readonly method?: Method;
  readonly callers?: number;
  readonly warmupMs?: number;
  readonly durationMs?: number;
  readonly agentPid?: number;
}

export interface CallFigures {
  readonly calls: number;
  readonly seconds: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly agent_cpu_us: number;
  readonly caller_cpu_us: number;
}

type Callers = ChildProcessByStdio<Writable, Readable, null>;

const start = (program: string, job: CallersJob): Callers => {
  const [command, args] = onCore('load', [program]);
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  child.stdin.write(`${JSON.stringify(job)}\n`);
  return child;
};

/** Makes calls, and waits for the figures. Rejects when one was not answered. */
export const runCallers = async <T>(program: string, job: CallersJob): Promise<T> => {
  const child = start(program, job);
  child.stdin.end();
  const output = await text(child.stdout);
  if (output === '') throw new Error(`the callers gave no result of ${job.method ?? job.mode}`);
  return JSON.parse(output) as T;
};

/** What streams were told. */
export interface News {
  /** The first of the streams has heard of it, or the last of them. */
  readonly event: 'first' | 'all';
  /** Unix milliseconds. */
  readonly at: number;
  readonly bundle: number;
  readonly svids: readonly {
    readonly spiffeId: string;
    readonly hint: string;
    readonly serial: string;
    readonly authority: string;
  }[];
}

/** Streams that are held open, and what they are told. */
export class Watchers {
  readonly #child: Callers;
  readonly #lost: Promise<never>;
  readonly #waiting = new Set<(news: News) => void>();
  /** All that was heard, in order. */
  readonly heard: News[] = [];

  constructor(program: string, socket: string, callers: number) {
    this.#child = start(program, { mode: 'watch', socket, callers });
    this.#lost = once(this.#child, 'exit').then(() => Promise.reject(new Error('the streams ended')));
    // It is looked at whenever something is waited for.
    this.#lost.catch(() => undefined);
    createInterface(this.#child.stdout).on('line', (line) => {
      const news = JSON.parse(line) as News;
      this.heard.push(news);
      for (const each of this.#waiting) each(news);
    });
  }

  /** The first news of this kind from number `from` of `heard` on. */
  async hears(what: string, isIt: (news: News) => boolean, from = 0): Promise<News> {
    const known = this.heard.slice(from).find(isIt);
    if (known) return known;
    const { promise, resolve, reject } = Promise.withResolvers<News>();
    const take = (news: News): void => {
      if (isIt(news)) resolve(news);
    };
    this.#waiting.add(take);
    const timer = setTimeout(() => reject(new Error(`the streams did not hear of ${what}`)), PATIENCE_MS);
    try {
      return await Promise.race([promise, this.#lost]);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(take);
    }
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.stdin.end();
    await ended;
  }
}
