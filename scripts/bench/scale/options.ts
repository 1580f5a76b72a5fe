import { parseArgs } from 'node:util';
import { OPERATIONS, type OperationName, UsageError } from '../options.ts';

export const SCALE_COMMANDS = ['fill', 'disk', 'flat', 'purge', 'memory', 'soak', 'writer'] as const;
export type ScaleCommand = (typeof SCALE_COMMANDS)[number];

export interface ScaleOptions {
  readonly command: ScaleCommand;
  readonly json: boolean;
  /** Kept when it is given; a temporary one is removed at the end. */
  readonly dataDir?: string;
  readonly entries: number;
  readonly credentialsPerEntry: number;
  readonly agedDays: number;
  readonly operations: readonly OperationName[];
  readonly clients: number;
  readonly warmupMs: number;
  readonly durationMs: number;
  readonly pairs: number;
  readonly perAgent: number;
  readonly connections: number;
  readonly minutes: number;
}

export const SCALE_USAGE = `npm run bench -- --fill ENTRIES | disk | flat | purge | memory | soak | writer [--data DIR] [--json] [options]
  --fill N         makes a data set in DIR, or goes on with one; then tells where its bytes are, as disk does
  disk             where the bytes of a data set are
  flat             CPU of an operation in the data set against a store of 16 entries; how long a start takes
  purge            p99 at half of the server's rate while what expired is purged (fill with --aged 9 before)
  memory           resident memory at rest, after load, for further front ends and open connections
  soak             resident memory over a steady run
  writer           facts a second that the one writer takes, whatever the front ends do; in a store of its own
  --data DIR       the data set; without it a temporary one is made for the run, of --entries
  --entries N      its entries (10000)
  --per-entry N    credentials for each (5)
  --aged DAYS      how long ago they were issued (0)
  --only LIST      of ${OPERATIONS.join(', ')}
  --clients N      requests in flight (32)
  --seconds N      measured time of each run (6); --warmup N before it (2)
  --pairs N        runs of each store in turn (5)
  --per-agent N    entries of the filled store that each of 32 agents asks for (500: each look-up is of an entry that nobody
                   asked for lately)
  --connections N  open connections (1000)
  --minutes N      length of a soak (10)`;

const DEFAULT_OPERATIONS: Readonly<Record<ScaleCommand, string>> = {
  fill: '',
  disk: '',
  flat: OPERATIONS.join(','),
  purge: 'x509-svid',
  memory: OPERATIONS.join(','),
  soak: 'x509-svid',
  writer: '',
};

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      options: {
        json: { type: 'boolean', default: false },
        data: { type: 'string' },
        entries: { type: 'string', default: '10000' },
        'per-entry': { type: 'string', default: '5' },
        aged: { type: 'string', default: '0' },
        only: { type: 'string' },
        clients: { type: 'string', default: '32' },
        seconds: { type: 'string', default: '6' },
        warmup: { type: 'string', default: '2' },
        pairs: { type: 'string', default: '5' },
        'per-agent': { type: 'string', default: '500' },
        connections: { type: 'string', default: '1000' },
        minutes: { type: 'string', default: '10' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(Error.isError(error) ? error.message : 'the arguments cannot be read');
  }
};

const amount = (name: string, text: string, isWhole: boolean, least = isWhole ? 1 : 0): number => {
  const value = Number(text);
  if (Number.isFinite(value) && value >= least && (!isWhole || Number.isInteger(value))) return value;
  throw new UsageError(`--${name}: "${text}" is not a ${isWhole ? 'whole ' : ''}number of ${least} or more`);
};

const operationOf = (text: string): OperationName => {
  const known = OPERATIONS.find((name) => name === text);
  if (known !== undefined) return known;
  throw new UsageError(`--only: "${text}" is none of ${OPERATIONS.join(', ')}`);
};

/** The command, and its arguments; undefined when none of these commands is meant. `--fill N` is one. */
const commandOf = (args: readonly string[]): { command: ScaleCommand; rest: readonly string[] } | undefined => {
  const at = args.indexOf('--fill');
  if (at >= 0) return { command: 'fill', rest: [...args.slice(0, at), '--entries', ...args.slice(at + 1)] };
  const command = SCALE_COMMANDS.find((name) => name === args[0]);
  return command && { command, rest: args.slice(1) };
};

/** Reads the command line; undefined when it is for another part of the bench. Throws `UsageError`. */
export const readScaleOptions = (args: readonly string[]): ScaleOptions | undefined => {
  const found = commandOf(args);
  if (!found) return undefined;
  const { command, rest } = found;
  const values = parse(rest);
  const only = values.only ?? DEFAULT_OPERATIONS[command];
  return {
    command,
    json: values.json,
    ...(values.data !== undefined && { dataDir: values.data }),
    entries: amount('entries', values.entries, true),
    credentialsPerEntry: amount('per-entry', values['per-entry'], true),
    agedDays: amount('aged', values.aged, false),
    operations: only === '' ? [] : only.split(',').map(operationOf),
    clients: amount('clients', values.clients, true),
    warmupMs: amount('warmup', values.warmup, false) * 1000,
    durationMs: amount('seconds', values.seconds, false) * 1000,
    pairs: amount('pairs', values.pairs, true),
    perAgent: amount('per-agent', values['per-agent'], true),
    connections: amount('connections', values.connections, true, 10),
    minutes: amount('minutes', values.minutes, false),
  };
};
