import { readFile } from 'node:fs/promises';
import { type LoadIdentity, runLoad } from './load.ts';
import type { Bench } from './measure.ts';
import { type Resident, watchMemory } from './memory.ts';
import {
  type CrowdKinds,
  type CrowdResult,
  openCrowd,
  runOpenLoad,
  type StreamResult,
  type Target,
  type Usage,
} from './open-load.ts';
import { BENCH_OPERATIONS, dealIdentities } from './operations.ts';
import type { OperationName, OverloadOptions } from './options.ts';
import { makeRequest } from './premade-request.ts';
import type { Holder, Prepared } from './prepare.ts';
import { answerVerifiers } from './verify-answers.ts';

/** A closed loop of 32 clients, as in the table of speeds. */
export interface Speed {
  readonly rate: number;
  readonly p99_ms: number;
  /** CPU of the server for one answer. */
  readonly cpu_us: number;
}

/** What was seen of an operation when far more was asked than the server can do. */
export interface OverloadReport {
  readonly operation: OperationName;
  readonly seconds: number;
  /** Before and after, since machines change their speed; shares are of the mean of both. */
  readonly peaks: readonly [Speed, Speed];
  /** Answers a second at 32 clients. */
  readonly peak: number;
  /** Requests a second that were due. */
  readonly offered: number;
  /** Answers with 200, a second. */
  readonly goodput: number;
  /** Share of the CPU of the server that went into those answers, had each cost what it does at the peak. */
  readonly by_cpu: number;
  readonly load: StreamResult;
  readonly renewals: StreamResult;
  readonly connections: number;
  /** Of a core, while far more was asked. */
  readonly cpu: Usage;
  /** MiB. */
  readonly resident: Resident;
  /** From the end of the overload. */
  readonly normal_after_ms: number;
  readonly verified: number;
  readonly crowd?: CrowdReport;
}

export interface CrowdReport {
  readonly kinds: CrowdKinds;
  readonly result: CrowdResult;
  /** The same closed loop with the crowd in its way. */
  readonly speed: Speed;
  readonly resident: Resident;
}

const CLIENTS = 32;
const TIMES_PEAK = 3;
const CONNECTIONS = 512;
const RENEWERS = 32;
const RENEWALS_PER_SECOND = 40;
/** Twice the bar of an answer's p99: whoever waits longer does not find the server as usual. */
const PATIENCE_MS = 100;
const BEFORE_MS = 2_000;
const AFTER_MS = 5_000;
const SAMPLE_EVERY = 100;

/** Each identity with several connections, `CONNECTIONS` in all. */
const spread = (identities: readonly LoadIdentity[]): readonly LoadIdentity[] =>
  Array.from({ length: CONNECTIONS }, (_, at) => identities[at % identities.length]).filter((one) => one !== undefined);

/** Who renews their own SVID, with one key again and again. */
const renewers = ({ agents, workloads }: Prepared): readonly LoadIdentity[] => {
  const renewer = ({ chain, key }: Holder): LoadIdentity => {
    const csr = Buffer.from(makeRequest().csr).toString('base64');
    return { cert: chain, key, bodies: [JSON.stringify({ items: [{ csr }] })] };
  };
  return [...agents.slice(0, RENEWERS / 2), ...workloads.slice(0, RENEWERS / 2)].map(renewer);
};

/** One in fifty of each slow kind; the rest idle in two ways. */
const crowdOf = (count: number): CrowdKinds => {
  const slow = Math.max(1, Math.floor(count / 50));
  const idle = Math.floor((count - 3 * slow) / 2);
  return { silent: count - 3 * slow - idle, idle, headers: slow, body: slow, unread: slow };
};

/** Asks for three times of what the server can do, then looks whether a crowd of connections is in the way of others. */
export const measureOverload = async (bench: Bench, overload: OverloadOptions): Promise<OverloadReport> => {
  const { options, server, prepared, generator, progress } = bench;
  const [name = 'x509-svid'] = options.operations;
  const { path, contentType, identities, perClient } = BENCH_OPERATIONS[name];
  const { host, hostname } = new URL(server.api);
  const target: Target = { address: host, serverName: hostname, ca: await readFile(server.bundleFile, 'utf8') };
  const verify = (await answerVerifiers(server, prepared))[name];

  const closedLoop = async (): Promise<Speed> => {
    const result = await runLoad(generator, {
      ...target,
      path,
      contentType,
      clients: dealIdentities(identities(prepared), CLIENTS, perClient),
      warmupMs: options.warmupMs,
      durationMs: options.durationMs,
      sampleEvery: SAMPLE_EVERY,
      serverPid: server.pid,
    });
    return { rate: result.requests / result.seconds, p99_ms: result.p99_ms, cpu_us: result.server_cpu_us };
  };

  progress(`${name}, ${CLIENTS} clients`);
  const before = await closedLoop();
  const offered = TIMES_PEAK * before.rate;
  progress(`${name}, ${offered.toFixed(0)} a second for ${overload.seconds} s`);
  const phases = (usual: number, rate: number) => [
    { rate: usual, durationMs: BEFORE_MS },
    { rate, durationMs: overload.seconds * 1000 },
    { rate: usual, durationMs: AFTER_MS },
  ];
  const streams = [
    { name, path, contentType, identities: spread(identities(prepared)), phases: phases(before.rate / 2, offered) },
    {
      name: 'renewal',
      path: BENCH_OPERATIONS['x509-svid'].path,
      contentType: BENCH_OPERATIONS['x509-svid'].contentType,
      identities: renewers(prepared),
      phases: phases(RENEWALS_PER_SECOND, RENEWALS_PER_SECOND),
    },
  ];
  const [
    {
      streams: [load, renewals],
      cpu,
    },
    resident,
  ] = await watchMemory(server.pid, () =>
    runOpenLoad(generator, target, streams, {
      sampleEvery: SAMPLE_EVERY,
      patienceMs: PATIENCE_MS,
      serverPid: server.pid,
    }),
  );
  const [, during, after] = load?.phases ?? [];
  const [, usage] = cpu;
  if (!usage || !load || !renewals || !during || !after) throw new Error('the load generator gave no figures');
  progress(`${name}, ${CLIENTS} clients`);
  const later = await closedLoop();
  const answers = load.samples.filter((sample) => !sample.includes('"status":'));
  for (const sample of answers) await verify(sample);

  const measureCrowd = async (): Promise<CrowdReport> => {
    const kinds = crowdOf(overload.crowd);
    progress(`${overload.crowd} connections that are in the way`);
    const [report, memory] = await watchMemory(server.pid, async () => {
      const crowd = await openCrowd(generator, target, kinds, renewers(prepared));
      progress(`${name}, ${CLIENTS} clients beside them`);
      const speed = await closedLoop();
      return { speed, result: await crowd.end() };
    });
    return { kinds, ...report, resident: memory };
  };

  const goodput = (during.statuses['200'] ?? 0) / during.seconds;
  return {
    operation: name,
    seconds: overload.seconds,
    peaks: [before, later],
    peak: (before.rate + later.rate) / 2,
    offered,
    goodput,
    by_cpu: (goodput * (before.cpu_us + later.cpu_us)) / 2 / 1e6 / usage.server,
    load,
    renewals,
    cpu: usage,
    connections: CONNECTIONS + RENEWERS,
    resident,
    normal_after_ms: after.settled_ms,
    verified: answers.length,
    ...(overload.crowd > 0 && { crowd: await measureCrowd() }),
  };
};
