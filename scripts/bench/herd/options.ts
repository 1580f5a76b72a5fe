import { parseArgs } from 'node:util';
import { UsageError } from '../options.ts';

/** `rolling`: SIGTERM, and there again at once. `crash`: SIGKILL, and away for a while. `long`: away until every SVID has ended. */
export const OUTAGES = ['rolling', 'crash', 'long'] as const;
export type Outage = (typeof OUTAGES)[number];

export interface HerdOptions {
  readonly json: boolean;
  readonly agents: number;
  readonly entriesPerAgent: number;
  /** Life of the workloads' SVIDs in seconds. */
  readonly x509Ttl: number;
  /** How long the server is away after a crash, in seconds. */
  readonly awaySeconds: number;
  readonly outages: readonly Outage[];
}

export const HERD_USAGE = `npm run bench -- herd [--json] [options]
  the server goes, and comes back to a whole fleet: how soon the last agent is served, and what others notice meanwhile
  --agents N       agents, as they are but for their sockets (1000)
  --per-agent N    entries under each (3)
  --ttl N          life of the workloads' SVIDs in seconds (60)
  --away N         seconds without a server after a crash (15)
  --only LIST      of ${OUTAGES.join(', ')}`;

const whole = (name: string, text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new UsageError(`--${name}: "${text}" is not a whole number above 0`);
};

const outageOf = (text: string): Outage => {
  const known = OUTAGES.find((name) => name === text);
  if (known !== undefined) return known;
  throw new UsageError(`--only: "${text}" is none of ${OUTAGES.join(', ')}`);
};

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      options: {
        json: { type: 'boolean', default: false },
        agents: { type: 'string', default: '1000' },
        'per-agent': { type: 'string', default: '3' },
        ttl: { type: 'string', default: '60' },
        away: { type: 'string', default: '15' },
        only: { type: 'string', default: OUTAGES.join(',') },
      },
    }).values;
  } catch (error) {
    throw new UsageError(Error.isError(error) ? error.message : 'the arguments cannot be read');
  }
};

/** Reads the command line; undefined when it is for another part of the bench. Throws `UsageError`. */
export const readHerdOptions = (args: readonly string[]): HerdOptions | undefined => {
  if (args[0] !== 'herd') return undefined;
  const values = parse(args.slice(1));
  return {
    json: values.json,
    agents: whole('agents', values.agents),
    entriesPerAgent: whole('per-agent', values['per-agent']),
    x509Ttl: whole('ttl', values.ttl),
    awaySeconds: whole('away', values.away),
    outages: values.only.split(',').map(outageOf),
  };
};
