import { readFile } from 'node:fs/promises';
import { type Floor, isSteady, measureFloor } from './floors.ts';
import { type LoadResult, runLoad } from './load.ts';
import { BENCH_OPERATIONS, dealIdentities } from './operations.ts';
import type { BenchOptions, OperationName } from './options.ts';
import type { Prepared } from './prepare.ts';
import type { BenchServer } from './server.ts';
import { answerVerifiers } from './verify-answers.ts';

/** One line of the table. */
export interface Measured {
  readonly name: OperationName;
  readonly clients: number;
  /** Credentials a second. */
  readonly rate: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** CPU of the server for one operation, all threads. */
  readonly cpu_us: number;
  readonly load_cpu_us: number;
  /** Of the floor around this run: V+S+V for X.509, S+V for tokens. */
  readonly share: number;
  /** CPU of the floor over that of the operation: what the share is when nobody else uses the machine. */
  readonly cpu_share: number;
  readonly floor: number;
  /** Whether the floors before and after lie within 15 % of each other. */
  readonly steady: boolean;
  /** Answers that were verified in full. */
  readonly verified: number;
}

const SAMPLE_EVERY = 100;

const toMeasured = (
  name: OperationName,
  clients: number,
  result: LoadResult,
  before: Floor,
  after: Floor,
): Measured => {
  const { floor: kind, items } = BENCH_OPERATIONS[name];
  const floor = (before[kind].rate + after[kind].rate) / 2;
  const floorCpu = (before[kind].cpu + after[kind].cpu) / 2;
  const rate = (result.requests * items) / result.seconds;
  const cpu = result.server_cpu_us / items;
  return {
    name,
    clients,
    rate,
    p50_ms: result.p50_ms,
    p99_ms: result.p99_ms,
    cpu_us: cpu,
    load_cpu_us: result.load_cpu_us / items,
    share: rate / floor,
    cpu_share: floorCpu / cpu,
    floor,
    steady: isSteady(before[kind].rate, after[kind].rate),
    verified: result.samples.length,
  };
};

/** Of steady runs, if there are any, the one with the median share. */
const medianRun = (runs: readonly Measured[]): Measured => {
  const steady = runs.filter((run) => run.steady);
  const sorted = (steady.length > 0 ? steady : runs).toSorted((a, b) => a.share - b.share);
  const median = sorted[sorted.length >> 1];
  if (!median) throw new Error('nothing was measured');
  return median;
};

export interface Bench {
  readonly options: BenchOptions;
  readonly server: BenchServer;
  readonly prepared: Prepared;
  /** The program that makes the load. */
  readonly generator: string;
  readonly progress: (line: string) => void;
}

/** Runs every operation with every number of clients; `floors` are those between the runs, in order. */
export const measureAll = async (
  bench: Bench,
  first: Floor,
): Promise<{ readonly operations: readonly Measured[]; readonly floors: readonly Floor[] }> => {
  const { options, server, prepared, generator, progress } = bench;
  const verifiers = await answerVerifiers(server, prepared);
  const ca = await readFile(server.bundleFile, 'utf8');
  const { host, hostname } = new URL(server.api);
  const floors = [first];
  const operations: Measured[] = [];

  const run = async (name: OperationName, clients: number): Promise<Measured> => {
    const { path, contentType, identities, perClient } = BENCH_OPERATIONS[name];
    const result = await runLoad(generator, {
      address: host,
      serverName: hostname,
      ca,
      path,
      contentType,
      clients: dealIdentities(identities(prepared), clients, perClient),
      warmupMs: options.warmupMs,
      durationMs: options.durationMs,
      sampleEvery: SAMPLE_EVERY,
      serverPid: server.pid,
    });
    for (const sample of result.samples) await verifiers[name](sample);
    const before = floors.at(-1) ?? first;
    const after = await measureFloor();
    floors.push(after);
    return toMeasured(name, clients, result, before, after);
  };

  for (const name of options.operations) {
    const { mostClients } = BENCH_OPERATIONS[name];
    for (const clients of new Set(options.clients.map((count) => Math.min(count, mostClients)))) {
      const runs: Measured[] = [];
      for (let n = 0; n < options.repeat; n += 1) {
        progress(`${name}, ${clients} ${clients === 1 ? 'client' : 'clients'}`);
        runs.push(await run(name, clients));
      }
      operations.push(medianRun(runs));
    }
  }
  return { operations, floors };
};
