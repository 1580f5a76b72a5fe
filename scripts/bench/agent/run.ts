import { rmSync } from 'node:fs';
import { residentMiB } from '../memory.ts';
import { atMost, type Bar, median } from '../scale/bars.ts';
import { measureCalls } from './calls.ts';
import { buildCallers, runCallers } from './callers.ts';
import { BenchEntries } from './entries.ts';
import { Agent, Server, type StartedAgent } from './node.ts';
import type { AgentOptions, AgentPart } from './options.ts';
import { measureStreams } from './streams.ts';

const START_BAR_S = 2;
const START_BAR_MIB = 100;
const LOAD_BAR_MIB = 150;
const STARTS = 3;
/** After this time nothing of the start is still going on. */
const SETTLE_MS = 5000;

type Progress = (line: string) => void;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts the agent beside a workload that waits for it; seconds from exec() until the workload has its first SVID. */
const timeStart = async (program: string, socket: string, start: () => Promise<StartedAgent>) => {
  rmSync(socket, { force: true });
  const first = runCallers<{ readonly at: number }>(program, { mode: 'first', socket });
  const { startedAt, serving } = await start();
  const [{ at }, agent] = await Promise.all([first, serving]);
  return { seconds: (at - startedAt) / 1000, agent };
};

const startAgent = async (program: string, agent: Agent, restarts: number, progress: Progress) => {
  progress('the first start');
  let { agent: running, seconds: fresh } = await timeStart(program, agent.socket, () => agent.startAnew());
  const again: number[] = [];
  for (let n = 0; n < restarts; n += 1) {
    progress('a start with the state that it has');
    await running.stop();
    const timed = await timeStart(program, agent.socket, () => Promise.resolve(agent.start()));
    running = timed.agent;
    again.push(timed.seconds);
  }
  return { running, fresh, again };
};

/** What workloads on a node meet, against its bars. */
export const measureAgent = async (
  options: AgentOptions,
  folder: string,
  progress: Progress,
): Promise<readonly Bar[]> => {
  const program = buildCallers(folder);
  const does = (part: AgentPart): boolean => options.parts.includes(part);
  progress(`a server and ${options.identities} entries`);
  const server = await Server.start(folder);
  try {
    const entries = new BenchEntries(server, process.getuid?.() ?? 0);
    await entries.make(options.identities);
    const agent = new Agent(server, folder, options.agentFlags);
    const { running, fresh, again } = await startAgent(program, agent, does('start') ? STARTS : 0, progress);
    const bars: Bar[] = [];
    try {
      await wait(SETTLE_MS);
      if (does('start')) {
        bars.push(
          atMost('start with a join token to the first SVID', fresh, 's', START_BAR_S),
          atMost(`start with a state to the first SVID, median of ${STARTS}`, median(again), 's', START_BAR_S),
          atMost(`resident with ${options.identities} identities`, residentMiB(running.pid), 'MiB', START_BAR_MIB),
        );
      }
      const parts = { program, socket: agent.socket, agentPid: running.pid, options, progress };
      if (does('calls')) {
        bars.push(...(await measureCalls(program, parts, options, progress)));
        await wait(SETTLE_MS);
        bars.push(atMost('resident after load', residentMiB(running.pid), 'MiB', LOAD_BAR_MIB));
      }
      if (does('streams')) bars.push(...(await measureStreams({ ...parts, entries })));
      return bars;
    } finally {
      await running.stop();
    }
  } finally {
    await server.stop();
  }
};
