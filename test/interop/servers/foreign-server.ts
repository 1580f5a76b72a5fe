import { type ChildProcess, spawn } from 'node:child_process';

export interface Started {
  /** What the line that said it is ready matched. */
  readonly ready: RegExpExecArray;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  /** A line on stderr by which it says that it takes connections. */
  readonly ready: RegExp;
  /** What asks it to end at once. */
  readonly signal?: NodeJS.Signals;
}

const START_MS = 30_000;
const STOP_MS = 10_000;

const readiness = (child: ChildProcess, ready: RegExp): Promise<RegExpExecArray> =>
  new Promise((resolve, reject) => {
    let said = '';
    const late = setTimeout(() => reject(new Error(`it did not start: ${said}`)), START_MS);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`it ended with ${code}: ${said}`)));
    child.once('close', () => clearTimeout(late));
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      said = (said + chunk).slice(-20_000);
      const match = ready.exec(said);
      if (match === null) return;
      clearTimeout(late);
      resolve(match);
    });
  });

/** Starts a server in the foreground, and waits until it says that it is ready. It is ended by its own process id. */
export const start = async ({ command, cwd, ready, signal = 'SIGTERM' }: StartOptions): Promise<Started> => {
  const [file, ...args] = command;
  const child = spawn(file, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async (): Promise<void> => {
    const late = setTimeout(kill, STOP_MS);
    child.kill(signal);
    await ended;
    clearTimeout(late);
    process.off('exit', kill);
  };
  try {
    return { ready: await readiness(child, ready), stop };
  } catch (error) {
    kill();
    throw error;
  }
};
