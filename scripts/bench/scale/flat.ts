import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runLoad } from '../load.ts';
import { BENCH_OPERATIONS, dealIdentities } from '../operations.ts';
import type { OperationName } from '../options.ts';
import type { Prepared } from '../prepare.ts';
import { type BenchServer, startBenchServer } from '../server.ts';
import { answerVerifiers, type VerifyAnswer } from '../verify-answers.ts';
import { atMost, type Bar, median, told } from './bars.ts';
import { type DataSet, openDataSet } from './data-set.ts';
import { fleetOf } from './fill.ts';

/** Shared by the commands that put load on a server. */
export interface LoadOptions {
  readonly operations: readonly OperationName[];
  readonly clients: number;
  readonly warmupMs: number;
  readonly durationMs: number;
}

export interface FlatOptions extends LoadOptions {
  /** Runs of each store, in turn. */
  readonly pairs: number;
  /** Entries of the filled store that each agent asks for. */
  readonly perAgent?: number;
}

export type Progress = (line: string) => void;

/** Entries of the fleet that one agent asks for: together far more than a front end remembers, all over the store. */
const ENTRIES_PER_AGENT = 500;
/**
 * The other store: as few entries as agents can ask for without meeting the limit of one agent, and the workloads that ask for access
 * tokens themselves.
 */
const SMALL = { agents: 16, entriesPerAgent: 1, workloads: 160 };
const FEW = `${SMALL.agents * SMALL.entriesPerAgent} entries`;
/** Identities of a small store are used over several connections, as many as the large one has. */
const AGENTS = 32;
const SAMPLE_EVERY = 100;
const CPU_BAR = 1.2;
const START_BAR_S = 5;
/**
 * What each store is asked before anything counts: with a million entries this is once for each that is asked for. Until then, most
 * of their pages are read from the disk.
 */
const FIRST_MS = 20_000;

/** The agents of a filled store with entries of the fleet in place of their own. */
export const grown = async (dataDir: string, dataSet: DataSet, perAgent = ENTRIES_PER_AGENT): Promise<Prepared> => {
  const { prepared } = dataSet;
  const fleet = await fleetOf(dataDir, dataSet);
  if (!fleet) return prepared;
  return {
    ...prepared,
    agents: prepared.agents.map((agent, at) => ({
      ...agent,
      entries: fleet.entriesUnder(at, perAgent).flatMap((entry, n) => {
        const request = agent.entries[n % agent.entries.length];
        return request ? [{ ...request, ...entry }] : [];
      }),
    })),
  };
};

const repeated = (prepared: Prepared): Prepared => ({
  ...prepared,
  agents: Array.from({ length: AGENTS }, (_, at) => prepared.agents[at % prepared.agents.length]).filter(
    (agent) => agent !== undefined,
  ),
});

/** A server under test, and what is needed to ask it. */
export interface Asked {
  readonly server: BenchServer;
  readonly prepared: Prepared;
  readonly ca: string;
  readonly verifiers: Readonly<Record<OperationName, VerifyAnswer>>;
}

export const askable = async (server: BenchServer, prepared: Prepared): Promise<Asked> => ({
  server,
  prepared,
  ca: await readFile(server.bundleFile, 'utf8'),
  verifiers: await answerVerifiers(server, prepared),
});

/** A closed loop of one operation; verifies one answer in a hundred. */
export const closedLoop = async (asked: Asked, generator: string, name: OperationName, options: LoadOptions) => {
  const { path, contentType, identities, perClient } = BENCH_OPERATIONS[name];
  const { host, hostname } = new URL(asked.server.api);
  const result = await runLoad(generator, {
    address: host,
    serverName: hostname,
    ca: asked.ca,
    path,
    contentType,
    clients: dealIdentities(identities(asked.prepared), options.clients, perClient),
    warmupMs: options.warmupMs,
    durationMs: options.durationMs,
    sampleEvery: SAMPLE_EVERY,
    serverPid: asked.server.pid,
  });
  for (const sample of result.samples) await asked.verifiers[name](sample);
  return result;
};

/** Starts a server and says how long that took, until it could issue. */
export const timedStart = async (dataDir: string, trustDomain: string, frontEnds = 1) => {
  const began = performance.now();
  const server = await startBenchServer(dataDir, trustDomain, { frontEnds, serverFlags: [] });
  return { server, seconds: (performance.now() - began) / 1000 };
};

interface Pair {
  readonly small: number;
  readonly filled: number;
}

const figures = (name: OperationName, pairs: readonly Pair[], first: Pair): readonly Bar[] => [
  told(`${name}: CPU of one operation, ${FEW}, first ${FIRST_MS / 1000} s`, first.small, 'µs'),
  told(`${name}: the same, filled`, first.filled, 'µs'),
  told(`${name}: CPU of one operation, ${FEW}, after it`, median(pairs.map(({ small }) => small)), 'µs'),
  told(`${name}: the same, filled`, median(pairs.map(({ filled }) => filled)), 'µs'),
  atMost(`${name}: filled over ${FEW}`, median(pairs.map(({ small, filled }) => filled / small)), '×', CPU_BAR),
];

/**
 * The cost of an operation in a filled store against a small store: both servers stand on the same core and are
 * asked in turn, so that a machine that changes its speed changes both.
 */
export const measureFlat = async (
  dataDir: string,
  dataSet: DataSet,
  options: FlatOptions,
  { generator, folder, progress }: { generator: string; folder: string; progress: Progress },
): Promise<readonly Bar[]> => {
  const smallDir = join(folder, 'small');
  const { prepared: few } = await openDataSet(smallDir, SMALL);
  const many = await grown(dataDir, dataSet, options.perAgent);
  const { server: filled, seconds } = await timedStart(dataDir, many.trustDomain);
  const { server: small } = await timedStart(smallDir, few.trustDomain);
  try {
    const [askFilled, askSmall] = [await askable(filled, many), await askable(small, repeated(few))];
    const cpu = async (asked: Asked, name: OperationName, times: Partial<LoadOptions> = {}): Promise<number> =>
      (await closedLoop(asked, generator, name, { ...options, ...times })).server_cpu_us;
    const bars: Bar[] = [atMost('start of the filled store', seconds, 's', START_BAR_S)];
    for (const name of options.operations) {
      progress(`${name}, each entry once`);
      const once = { warmupMs: 0, durationMs: FIRST_MS };
      const began = { small: await cpu(askSmall, name, once), filled: await cpu(askFilled, name, once) };
      const pairs: Pair[] = [];
      for (let n = 0; n < options.pairs; n += 1) {
        progress(`${name}, pair ${n + 1} of ${options.pairs}`);
        const isSmallFirst = n % 2 === 0;
        const first = await cpu(isSmallFirst ? askSmall : askFilled, name);
        const second = await cpu(isSmallFirst ? askFilled : askSmall, name);
        const pair = isSmallFirst ? { small: first, filled: second } : { small: second, filled: first };
        progress(`${pair.small.toFixed(0)} µs with ${FEW}, ${pair.filled.toFixed(0)} µs filled`);
        pairs.push(pair);
      }
      bars.push(...figures(name, pairs, began));
    }
    return bars;
  } finally {
    await Promise.all([filled.stop(), small.stop()]);
  }
};
