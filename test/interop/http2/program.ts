import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent } from '../spiffe-clients/driver/agent.ts';
import { check } from '../servers/report.ts';
import { isWaived, judge, type Result } from './judge.ts';

const LOOK_MS = 50;
/** Of what the tool said, for a program that broke off. */
const LAST_WORDS = 1000;

export interface Run {
  readonly results: readonly Result[];
  /** How often the agent ended by itself, and was started again. */
  readonly deaths: number;
}

/**
 * Runs the program, which is to give results, and looks at each of them as it comes. An agent that ends meanwhile is started again, so that
 * every case is tried; when the program asks for it, the agent is stopped.
 */
export const runProgram = async (program: string, args: readonly string[], agent: Agent): Promise<Run> => {
  const results: Result[] = [];
  let said = '';
  let stopping: Promise<void> | undefined;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  let isOver = false;
  void code.then(() => (isOver = true));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-LAST_WORDS)));
  const checks: Promise<void>[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const read = JSON.parse(line) as Result | { readonly ask: 'stop' };
    if ('ask' in read) {
      stopping = agent.stop();
      return;
    }
    results.push(read);
    if (!isWaived(read)) checks.push(check(`${read.case} ${read.title}`, () => judge(read)));
  });
  let deaths = 0;
  while (!isOver) {
    if (stopping === undefined && !agent.isRunning) {
      deaths += 1;
      await agent.start();
    }
    await sleep(LOOK_MS);
  }
  process.off('exit', kill);
  await Promise.all([...checks, stopping]);
  const exit = await code;
  await check(`${args.slice(0, 2).join(' ')}: to the end`, () => {
    if (exit !== 0) throw new Error(`exit code ${exit}: ${said}`);
  });
  return { results, deaths };
};
