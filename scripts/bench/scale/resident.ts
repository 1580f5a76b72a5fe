import { residentMiB } from '../memory.ts';
import { openCrowd } from '../open-load.ts';
import { BENCH_OPERATIONS } from '../operations.ts';
import { runOpenLoad } from '../open-load.ts';
import { atMost, type Bar, told } from './bars.ts';
import type { DataSet } from './data-set.ts';
import { askable, closedLoop, grown, type LoadOptions, type Progress, timedStart } from './flat.ts';

export interface ResidentOptions extends LoadOptions {
  readonly connections: number;
}

export interface SoakOptions extends LoadOptions {
  readonly minutes: number;
}

interface Parts {
  readonly generator: string;
  readonly progress: Progress;
}

const RESIDENT_BAR_MIB = 200;
const FURTHER_BAR_MIB = 60;
const CONNECTION_BAR_KIB = 100;
const GROWTH_BAR = 1.05;
const SETTLE_MS = 3000;
const SAMPLE_EVERY = 1000;
const PATIENCE_MS = 1000;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Resident memory of a server at rest, and after load of every kind. */
const residentWith = async (
  dataDir: string,
  dataSet: DataSet,
  frontEnds: number,
  options: ResidentOptions,
  parts: Parts,
) => {
  const prepared = await grown(dataDir, dataSet);
  const { server } = await timedStart(dataDir, prepared.trustDomain, frontEnds);
  try {
    const asked = await askable(server, prepared);
    await wait(SETTLE_MS);
    const rest = residentMiB(server.pid);
    for (const name of options.operations) {
      parts.progress(`${name} with ${frontEnds} front ends`);
      await closedLoop(asked, parts.generator, name, options);
    }
    const loaded = residentMiB(server.pid);
    return { rest, loaded };
  } finally {
    await server.stop();
  }
};

/** What one open connection with a client certificate takes, of a server that nobody asks anything else. */
const perConnection = async (dataDir: string, dataSet: DataSet, { connections }: ResidentOptions, parts: Parts) => {
  const prepared = await grown(dataDir, dataSet);
  const { server } = await timedStart(dataDir, prepared.trustDomain);
  try {
    const asked = await askable(server, prepared);
    const { host, hostname } = new URL(server.api);
    const identities = BENCH_OPERATIONS['jwt-svid']
      .identities(prepared)
      .map((one) => ({ ...one, bodies: one.bodies.slice(0, 1) }));
    await wait(SETTLE_MS);
    const hold = async (idle: number): Promise<number> => {
      parts.progress(`${idle} open connections`);
      const kinds = { silent: 0, idle, headers: 0, body: 0, unread: 0 };
      const crowd = await openCrowd(
        parts.generator,
        { address: host, serverName: hostname, ca: asked.ca },
        kinds,
        identities,
      );
      await wait(SETTLE_MS);
      const resident = residentMiB(server.pid);
      await crowd.end();
      return resident;
    };
    // The first few warm code and caches that every server has in use.
    const few = await hold(Math.ceil(connections / 10));
    const many = await hold(connections);
    return ((many - few) * 1024) / (connections - Math.ceil(connections / 10));
  } finally {
    await server.stop();
  }
};

/** What a server keeps in memory, with one front end and with more, and for a connection. */
export const measureResident = async (
  dataDir: string,
  dataSet: DataSet,
  options: ResidentOptions,
  parts: Parts,
): Promise<readonly Bar[]> => {
  const one = await residentWith(dataDir, dataSet, 1, options, parts);
  const two = await residentWith(dataDir, dataSet, 2, options, parts);
  const four = await residentWith(dataDir, dataSet, 4, options, parts);
  return [
    told('one front end, at rest', one.rest, 'MiB'),
    atMost('one front end, after load', one.loaded, 'MiB', RESIDENT_BAR_MIB),
    told('each further one, at rest', (four.rest - one.rest) / 3, 'MiB'),
    atMost('a second one, after load', two.loaded - one.loaded, 'MiB', FURTHER_BAR_MIB),
    atMost('each of three further ones, after load', (four.loaded - one.loaded) / 3, 'MiB', FURTHER_BAR_MIB),
    atMost('an open connection', await perConnection(dataDir, dataSet, options, parts), 'KiB', CONNECTION_BAR_KIB),
  ];
};

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** A steady run at half of what the server can do: its last fifth must not need more memory than its second. */
export const measureSoak = async (
  dataDir: string,
  dataSet: DataSet,
  options: SoakOptions,
  { generator, progress }: Parts,
): Promise<readonly Bar[]> => {
  const [name = 'x509-svid'] = options.operations;
  const prepared = await grown(dataDir, dataSet);
  const { server } = await timedStart(dataDir, prepared.trustDomain);
  try {
    const asked = await askable(server, prepared);
    const { requests, seconds } = await closedLoop(asked, generator, name, options);
    const rate = requests / seconds / 2;
    progress(`${name}, ${rate.toFixed(0)} a second for ${options.minutes} minutes`);
    const { path, contentType, identities } = BENCH_OPERATIONS[name];
    const { host, hostname } = new URL(server.api);
    const resident: number[] = [];
    const timer = setInterval(() => resident.push(residentMiB(server.pid)), 1000);
    const phases = [{ rate, durationMs: options.minutes * 60_000 }];
    const { streams } = await runOpenLoad(
      generator,
      { address: host, serverName: hostname, ca: asked.ca },
      [{ name, path, contentType, identities: identities(prepared), phases }],
      { sampleEvery: SAMPLE_EVERY, patienceMs: PATIENCE_MS, serverPid: server.pid },
    ).finally(() => clearInterval(timer));
    const fifth = Math.floor(resident.length / 5);
    const [early, late] = [mean(resident.slice(fifth, 2 * fifth)), mean(resident.slice(4 * fifth))];
    const [phase] = streams[0]?.phases ?? [];
    return [
      told('issued a second', rate, '/s'),
      told('p99', phase?.p99_ms ?? 0, 'ms'),
      told('resident in the second fifth', early, 'MiB'),
      told('resident in the last fifth', late, 'MiB'),
      atMost('last fifth over second', late / early, '×', GROWTH_BAR),
    ];
  } finally {
    await server.stop();
  }
};
