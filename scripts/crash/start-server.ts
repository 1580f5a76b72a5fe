import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { KillPoint } from '../../test/support/kill-points.ts';
import type { Life } from './lives.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/mayfly.js', import.meta.url));
const CRASH_SERVER = fileURLToPath(new URL('../../test/support/crash-server.ts', import.meta.url));
const START_MS = 60_000;

/** How a server ends: by a signal from outside, at whatever it is doing, or at a point of an issuance. */
export type Death =
  | { readonly by: 'random'; readonly afterMs: number }
  | { readonly by: 'start'; readonly afterMs: number }
  | { readonly by: KillPoint; readonly after: number }
  /** The store may have this many pages and no more: the process ends by itself. */
  | { readonly by: 'full-disk'; readonly after: number };

/** Threads that serve; a death at random meets one or two of them. */
const frontEnds = (death: Death | undefined): string => (death?.by === 'random' && death.afterMs % 2 === 1 ? '2' : '1');

const commandOf = (dataDir: string, death: Death | undefined): string[] =>
  death === undefined || death.by === 'random' || death.by === 'start'
    ? [LAUNCHER, 'dev', '--json', '--data-dir', dataDir, '--front-ends', frontEnds(death)]
    : [CRASH_SERVER, dataDir, death.by, String(death.after)];

export interface Started {
  /** Undefined when it ended before it was ready. */
  readonly life: Life | undefined;
  /** The signal that ended it. */
  readonly ended: Promise<NodeJS.Signals | number | null>;
  /** What it said on stderr. */
  said(): string;
  kill(signal: NodeJS.Signals): void;
}

const readyLine = async (child: ChildProcess, signal: AbortSignal): Promise<Life | undefined> => {
  if (!child.stdout) return undefined;
  try {
    const [line] = (await once(createInterface(child.stdout), 'line', { signal })) as [string];
    const said = JSON.parse(line) as Life & { readonly ready?: boolean };
    return said.ready === true ? said : undefined;
  } catch {
    return undefined;
  }
};

/** The real program on a folder; composed with a kill point when it is to end at one. */
export const startToCrash = async (dataDir: string, death?: Death): Promise<Started> => {
  const child = spawn(process.execPath, commandOf(dataDir, death), { stdio: ['ignore', 'pipe', 'pipe'] });
  const atExit = (): boolean => child.kill('SIGKILL');
  process.once('exit', atExit);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000);
  });
  const gone = new AbortController();
  const ended = new Promise<NodeJS.Signals | number | null>((resolve) => {
    child.once('close', (code, signal) => {
      process.off('exit', atExit);
      gone.abort();
      resolve(signal ?? code);
    });
  });
  if (death?.by === 'start') setTimeout(() => child.kill('SIGKILL'), death.afterMs);
  const life = await readyLine(child, AbortSignal.any([gone.signal, AbortSignal.timeout(START_MS)]));
  return { life, ended, said: () => said, kill: (signal) => child.kill(signal) };
};
