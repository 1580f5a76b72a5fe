import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Audit } from '../../../scripts/crash/audit.ts';
import type { KnownEntry } from '../../../scripts/crash/population.ts';
import { Population } from '../../../scripts/crash/population.ts';
import { type Started, startToCrash } from '../../../scripts/crash/start-server.ts';
import { attest } from '../../../scripts/crash/attest.ts';
import type { Svid } from '../../../scripts/crash/credentials.ts';

const folder = mkdtempSync(join(tmpdir(), 'mayfly-strace-'));
let passed = 0;
let failed = 0;

/** Counts a check; `problem` says what is wrong with it. */
export const report = (name: string, problem: string | undefined): void => {
  if (problem === undefined) passed += 1;
  else {
    failed += 1;
    console.log(`FAILED ${name}: ${problem}`);
  }
};

export const check = (name: string, isSo: boolean, what: string | (() => string) = 'it is not so'): void =>
  report(name, isSo ? undefined : typeof what === 'string' ? what : what());

/** A folder of its own for one part of the run. */
export const workspace = (name: string): string => {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
};

/** Prints the sum. */
export const finish = (): void => {
  rmSync(folder, { recursive: true, force: true });
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
};

/** Containers may forbid one process to trace another; then there is nothing to look at. */
export const mayTrace = (): boolean => {
  const { status } = spawnSync('strace', ['-o', '/dev/null', 'true']);
  if (status !== 0) console.log('not tried: this machine does not let a process be traced');
  return status === 0;
};

export interface World {
  readonly all: Population;
  readonly dataDir: string;
  readonly agent: Svid;
  readonly entry: KnownEntry;
}

/** A server on a folder; its output ends the run when it does not start. */
export const start = async (dataDir: string): Promise<Started & { readonly life: NonNullable<Started['life']> }> => {
  const server = await startToCrash(dataDir);
  if (!server.life) throw new Error(`the server does not start: ${server.said()}`);
  return { ...server, life: server.life };
};

/** An agent and an entry under it. */
export const settle = async (all: Population, dataDir: string): Promise<World> => {
  await all.resource();
  const agent = await attest(all, { agent: all.name('node') });
  return { all, dataDir, agent, entry: await all.entry(all.name('web'), agent.spiffeId) };
};

/** What an audit from the first entry on finds wrong. */
export const auditOf = (dataDir: string, heldFile: string): string | undefined => {
  const audit = new Audit(dataDir, heldFile);
  audit.advance();
  return audit.problems.length === 0 ? undefined : audit.problems.join('; ');
};

export const pidOf = (life: object): number => (life as { pid: number }).pid;

/** The thread that owns the ledger (DEC-1), by its name. */
export const writerThread = (pid: number): number => {
  const tasks = `/proc/${pid}/task`;
  const found = readdirSync(tasks).find(
    (task) => readFileSync(join(tasks, task, 'comm'), 'utf8').trim() === 'mayfly-writer',
  );
  if (found === undefined) throw new Error('the process has no thread named mayfly-writer');
  return Number(found);
};

export interface Trace {
  /** Lets go of the process and gives what was seen. */
  end(): Promise<string>;
}

const tracerOf = (task: number): number =>
  Number(/^TracerPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${task}/status`, 'utf8'))?.[1] ?? 0);

/** Attaches to a running task; resolves when every task of it that is asked for is traced. */
export const trace = async (task: number, args: readonly string[]): Promise<Trace> => {
  const out = join(folder, `trace-${task}-${Math.trunc(performance.now())}`);
  const child: ChildProcess = spawn('strace', ['-o', out, ...args, '-p', String(task)], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  while (child.exitCode === null && tracerOf(task) === 0) await pause(5);
  // Further threads are attached right after the first.
  await pause(100);
  return {
    end: async () => {
      child.kill('SIGINT');
      await ended;
      return existsSync(out) ? readFileSync(out, 'utf8') : '';
    },
  };
};
