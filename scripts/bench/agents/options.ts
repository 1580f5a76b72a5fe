import { parseArgs } from 'node:util';
import { UsageError } from '../options.ts';

export interface AgentsOptions {
  readonly json: boolean;
  readonly streams: number;
  readonly entriesPerAgent: number;
  /** How long nothing happens while the CPU is measured. */
  readonly restSeconds: number;
}

export const AGENTS_USAGE = `npm run bench -- agents [--json] [options]
  what the feed of agents costs: memory of an open stream, CPU at rest, how long a revocation takes to the last of them
  --streams N      agents that follow the feed (10000)
  --per-agent N    entries under each (4)
  --seconds N      time at rest (30)`;

const whole = (name: string, text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new UsageError(`--${name}: "${text}" is not a whole number above 0`);
};

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      options: {
        json: { type: 'boolean', default: false },
        streams: { type: 'string', default: '10000' },
        'per-agent': { type: 'string', default: '4' },
        seconds: { type: 'string', default: '30' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(Error.isError(error) ? error.message : 'the arguments cannot be read');
  }
};

/** Reads the command line; undefined when it is for another part of the bench. Throws `UsageError`. */
export const readAgentsOptions = (args: readonly string[]): AgentsOptions | undefined => {
  if (args[0] !== 'agents') return undefined;
  const values = parse(args.slice(1));
  return {
    json: values.json,
    streams: whole('streams', values.streams),
    entriesPerAgent: whole('per-agent', values['per-agent']),
    restSeconds: whole('seconds', values.seconds),
  };
};
