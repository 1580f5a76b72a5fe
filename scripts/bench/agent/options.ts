import { parseArgs } from 'node:util';
import { UsageError } from '../options.ts';

export interface AgentOptions {
  readonly json: boolean;
  readonly identities: number;
  readonly streams: number;
  readonly changes: number;
  readonly rotations: number;
  readonly warmupMs: number;
  readonly durationMs: number;
  /** Runs of each number of callers; the median rate is told. */
  readonly repeat: number;
  readonly parts: readonly AgentPart[];
  /** Flags of Node.js for the agent, for profiles. */
  readonly agentFlags: readonly string[];
}

export const AGENT_PARTS = ['start', 'calls', 'streams'] as const;
export type AgentPart = (typeof AGENT_PARTS)[number];

export const AGENT_USAGE = `npm run bench -- agent [--json] [--quick] [options]
  what workloads on a node meet: answers a second, a rotation at many open streams, how soon changes arrive, memory, start
  --only LIST      of ${AGENT_PARTS.join(', ')}
  --seconds N      measured time of each run of calls (10; with --quick 2)
  --warmup N       seconds before it (3; with --quick 1)
  --repeat N       runs of each; the median counts (3; with --quick 1)
  --identities N   entries under the agent (100)
  --streams N      open streams, each on a connection of its own (1000; with --quick 100)
  --rotations N    rotations that they go through, 5 s each (4; with --quick 1)
  --changes N      changes of each kind that are followed to a stream (50; with --quick 10)
  --agent-flags F  flags of Node.js for the agent, such as "--cpu-prof --cpu-prof-dir=/tmp"`;

const whole = (name: string, text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new UsageError(`--${name}: "${text}" is not a whole number above 0`);
};

const milliseconds = (name: string, text: string): number => {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value * 1000;
  throw new UsageError(`--${name}: "${text}" is not a number above 0`);
};

const partOf = (text: string): AgentPart => {
  const known = AGENT_PARTS.find((name) => name === text);
  if (known !== undefined) return known;
  throw new UsageError(`--only: "${text}" is none of ${AGENT_PARTS.join(', ')}`);
};

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      options: {
        json: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        only: { type: 'string', default: AGENT_PARTS.join(',') },
        seconds: { type: 'string' },
        warmup: { type: 'string' },
        repeat: { type: 'string' },
        identities: { type: 'string', default: '100' },
        streams: { type: 'string' },
        rotations: { type: 'string' },
        changes: { type: 'string' },
        'agent-flags': { type: 'string', default: '' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(Error.isError(error) ? error.message : 'the arguments cannot be read');
  }
};

/** Reads the command line; undefined when it is for another part of the bench. Throws `UsageError`. */
export const readAgentOptions = (args: readonly string[]): AgentOptions | undefined => {
  if (args[0] !== 'agent') return undefined;
  const values = parse(args.slice(1));
  const { quick } = values;
  return {
    json: values.json,
    identities: whole('identities', values.identities),
    streams: whole('streams', values.streams ?? (quick ? '100' : '1000')),
    changes: whole('changes', values.changes ?? (quick ? '10' : '50')),
    rotations: whole('rotations', values.rotations ?? (quick ? '1' : '4')),
    warmupMs: milliseconds('warmup', values.warmup ?? (quick ? '1' : '3')),
    durationMs: milliseconds('seconds', values.seconds ?? (quick ? '2' : '10')),
    repeat: whole('repeat', values.repeat ?? (quick ? '1' : '3')),
    parts: values.only.split(',').map(partOf),
    agentFlags: values['agent-flags'].split(' ').filter((flag) => flag !== ''),
  };
};
