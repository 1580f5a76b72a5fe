import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

export interface CommandResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly pid: number;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  /** Called once with what stdout holds so far, when it holds a whole line. */
  readonly onLine?: (line: string, child: ChildProcess) => void;
  /** Called once when stderr says something. */
  readonly onError?: () => void;
}

/** Only what a child needs of our environment: jest and npm leave much in it. */
const environment = (more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  TMPDIR: process.env['TMPDIR'],
  ...more,
});

/** Runs a program to its end. */
export const runCommand = (
  program: string,
  args: readonly string[],
  { env, cwd, input, onLine, onError }: CommandOptions = {},
): Promise<CommandResult> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, [...args], { env: environment(env), cwd, stdio: 'pipe' });
    let stdout = '';
    let stderr = '';
    let told = false;
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      const end = stdout.indexOf('\n');
      if (told || end < 0) return;
      told = true;
      onLine?.(stdout.slice(0, end), child);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      if (stderr === '') onError?.();
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr, pid: child.pid ?? 0 }));
    child.stdin.end(input ?? '');
  });
