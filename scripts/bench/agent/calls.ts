import { atLeast, atMost, type Bar, told } from '../scale/bars.ts';
import { type CallFigures, type Method, runCallers } from './callers.ts';
import type { AgentOptions } from './options.ts';

/** One caller alone, and many. */
const LOADS = [
  { callers: 32, rate: 4500, p99Ms: 30 },
  { callers: 1, rate: 2500, p99Ms: 2 },
] as const;
const METHODS: readonly Method[] = ['FetchX509SVID', 'FetchJWTSVID'];

const rateOf = ({ calls, seconds }: CallFigures): number => calls / seconds;

const medianRun = (runs: readonly CallFigures[]): CallFigures => {
  const [middle] = runs.toSorted((a, b) => rateOf(a) - rateOf(b)).slice(runs.length >> 1);
  if (!middle) throw new Error('there was no run');
  return middle;
};

/** How many first answers a second callers get, and how soon, against their bars. */
export const measureCalls = async (
  program: string,
  { socket, agentPid }: { readonly socket: string; readonly agentPid: number },
  { warmupMs, durationMs, repeat }: AgentOptions,
  progress: (line: string) => void,
): Promise<readonly Bar[]> => {
  const bars: Bar[] = [];
  for (const { callers, rate, p99Ms } of LOADS) {
    for (const method of METHODS) {
      progress(`${method} at ${callers}`);
      const job = { mode: 'calls', socket, method, callers, warmupMs, durationMs, agentPid } as const;
      const runs: CallFigures[] = [];
      for (let n = 0; n < repeat; n += 1) runs.push(await runCallers<CallFigures>(program, job));
      const run = medianRun(runs);
      const what = `${method} at ${callers}`;
      bars.push(
        atLeast(what, rateOf(run), '/s', rate),
        told(`${what}: p50`, run.p50_ms, 'ms'),
        atMost(`${what}: p99`, run.p99_ms, 'ms', p99Ms),
        told(`${what}: CPU of the agent`, run.agent_cpu_us, 'µs'),
        told(`${what}: CPU of the callers`, run.caller_cpu_us, 'µs'),
      );
    }
  }
  return bars;
};
