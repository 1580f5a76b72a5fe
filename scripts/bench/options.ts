import { parseArgs } from 'node:util';

export const OPERATIONS = ['x509-svid', 'x509-batch', 'jwt-svid', 'access-token'] as const;
export type OperationName = (typeof OPERATIONS)[number];

export interface OverloadOptions {
  readonly seconds: number;
  /** Connections that are in the way. */
  readonly crowd: number;
}

export interface BenchOptions {
  readonly json: boolean;
  /** Present: more load than the server can take, in place of the table of speeds. */
  readonly overload?: OverloadOptions;
  readonly operations: readonly OperationName[];
  /** Requests in flight at once. */
  readonly clients: readonly number[];
  readonly warmupMs: number;
  readonly durationMs: number;
  /** Runs of each operation and number of clients; the one with the median share is told. */
  readonly repeat: number;
  readonly frontEnds: number;
  /** Flags of Node.js for the server, for profiles. */
  readonly serverFlags: readonly string[];
}

/** A sentence for who typed the command. */
export class UsageError extends Error {}

export const USAGE = `npm run bench -- [--json] [--quick] [options]
  --seconds N      measured time of each run (6; with --quick 1.5)
  --warmup N       seconds before it (2; with --quick 0.5)
  --clients LIST   requests in flight, such as 1,8,32
  --only LIST      of ${OPERATIONS.join(', ')}
  --repeat N       runs of each; the median counts (1)
  --front-ends N   threads of the server that serve (1); more than one is not pinned to a core
  --overload       three times the load that the server can take, then a crowd of idle and slow connections, with bars;
                   --seconds is its length (60; with --quick 4), the first of --only is asked for
  --crowd N        connections of that crowd (5000; with --quick 200); 0 leaves it out
  --server-flags F flags of Node.js for the server, such as "--cpu-prof --cpu-prof-dir=/tmp"`;

const positive = (name: string, text: string): number => {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new UsageError(`--${name}: "${text}" is not a number above 0`);
};

const whole = (name: string, text: string): number => {
  const value = positive(name, text);
  if (Number.isInteger(value)) return value;
  throw new UsageError(`--${name}: "${text}" is not a whole number`);
};

const operationOf = (text: string): OperationName => {
  const known = OPERATIONS.find((name) => name === text);
  if (known !== undefined) return known;
  throw new UsageError(`--only: "${text}" is none of ${OPERATIONS.join(', ')}`);
};

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      options: {
        json: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        seconds: { type: 'string' },
        warmup: { type: 'string' },
        clients: { type: 'string', default: '1,8,32' },
        only: { type: 'string', default: OPERATIONS.join(',') },
        repeat: { type: 'string', default: '1' },
        'front-ends': { type: 'string', default: '1' },
        overload: { type: 'boolean', default: false },
        crowd: { type: 'string' },
        'server-flags': { type: 'string', default: '' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(Error.isError(error) ? error.message : 'the arguments cannot be read');
  }
};

const overloadOf = (values: ReturnType<typeof parse>): OverloadOptions => ({
  seconds: positive('seconds', values.seconds ?? (values.quick ? '4' : '60')),
  crowd: values.crowd === '0' ? 0 : whole('crowd', values.crowd ?? (values.quick ? '200' : '5000')),
});

/** Reads the command line. Throws `UsageError`. */
export const readOptions = (args: readonly string[]): BenchOptions => {
  const values = parse(args);
  return {
    json: values.json,
    ...(values.overload && { overload: overloadOf(values) }),
    operations: values.only.split(',').map(operationOf),
    clients: values.clients.split(',').map((text) => whole('clients', text)),
    warmupMs: positive('warmup', values.warmup ?? (values.quick ? '0.5' : '2')) * 1000,
    durationMs:
      positive('seconds', (values.overload ? undefined : values.seconds) ?? (values.quick ? '1.5' : '6')) * 1000,
    repeat: whole('repeat', values.repeat),
    frontEnds: whole('front-ends', values['front-ends']),
    serverFlags: values['server-flags'].split(' ').filter((flag) => flag !== ''),
  };
};
