import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parsePem } from '../../../src/formats/pem.ts';
import { readCertificate } from '../../../src/formats/certificate.ts';
import { BENCH_OPERATIONS } from '../operations.ts';
import { prepare, type Prepared } from '../prepare.ts';
import type { Bar } from '../scale/bars.ts';
import { Caller } from './caller.ts';
import { barsOf, type Happened } from './happened.ts';
import type { HerdOptions, Outage } from './options.ts';
import type { FleetSetup, Pulse } from './pulse.ts';
import { HerdServer } from './server.ts';
import { ServerWatch } from './server-watch.ts';

type Progress = (line: string) => void;

/** The shortest that may be configured: the agents' own SVIDs are due in the longest outage, too. */
const AGENT_TTL = 300;
/** The part of a life in which an agent renews. */
const DUE = [0.4, 0.5] as const;
const SPARE_MS = 3000;
const PATIENCE_MS = 120_000;
const POLL_MS = 50;
const TELL_MS = 5000;

export interface HerdPace {
  /** The agents were not all installed in one moment: they first start over so many milliseconds. */
  readonly startMs: number;
  /** Others are looked at for so long before, and so long after the return at least; milliseconds. */
  readonly asideMs: number;
}

export const HERD_PACE: HerdPace = { startMs: 5000, asideMs: 5000 };

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

/** The process that holds the agents. */
class FleetProcess {
  readonly pulses: Pulse[] = [];
  readonly #child: ChildProcess;
  readonly #progress: Progress;

  constructor(file: string, progress: Progress) {
    this.#progress = progress;
    const entry = fileURLToPath(new URL('./fleet.ts', import.meta.url));
    this.#child = spawn(process.execPath, [entry, file], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (pulse: Pulse) => this.pulses.push(pulse));
  }

  /** Resolves with the first pulse after a moment that is so. */
  async until(is: (pulse: Pulse) => boolean, after: number): Promise<Pulse> {
    let tellAt = Date.now() + TELL_MS;
    for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await wait(POLL_MS)) {
      if (this.#child.exitCode !== null) throw new Error('the process that holds the agents ended');
      if (Date.now() > tellAt) {
        tellAt += TELL_MS;
        this.#progress(JSON.stringify(this.pulses.at(-1)));
      }
      const found = this.pulses.find((pulse) => pulse.at >= after && is(pulse));
      if (found) return found;
    }
    throw new Error(`after ${PATIENCE_MS / 1000} s the fleet stands at ${JSON.stringify(this.pulses.at(-1))}`);
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}

/** When the first of the agents wants to renew, and when the last of them; Unix milliseconds. */
const ownRenewals = ({ agents }: Prepared): readonly [number, number] => {
  const times = agents.map(({ chain }) => {
    const [leaf = new Uint8Array()] = parsePem(chain, 'CERTIFICATE');
    const { notBefore, notAfter } = readCertificate(leaf);
    return DUE.map((part) => (notBefore + (notAfter - notBefore) * part) * 1000);
  });
  return [Math.min(...times.map(([first = 0]) => first)), Math.max(...times.map(([, last = 0]) => last))];
};

interface World {
  readonly pace: HerdPace;
  readonly options: HerdOptions;
  readonly prepared: Prepared;
  readonly server: HerdServer;
  readonly fleet: FleetProcess;
  readonly watch: ServerWatch;
  readonly caller: Caller;
  readonly progress: Progress;
}

/** Takes the server away and brings it back, as the case has it. Resolves with when it went and when it served again. */
const outage = async (
  which: Outage,
  { options, pace, prepared, server, progress }: World,
): Promise<[number, number]> => {
  const [firstDue, lastDue] = ownRenewals(prepared);
  if (which === 'long') {
    progress(`until the agents' own renewals are due`);
    await wait(firstDue - SPARE_MS - pace.asideMs - Date.now());
  }
  await wait(pace.asideMs);
  progress(which);
  const gone = Date.now();
  await server.go(which === 'rolling' ? 'SIGTERM' : 'SIGKILL');
  if (which === 'crash') await wait(options.awaySeconds * 1000);
  if (which === 'long') await wait(Math.max(lastDue, gone + options.x509Ttl * 1000) + SPARE_MS - Date.now());
  await server.comeBack();
  return [gone, Date.now()];
};

const measure = async (which: Outage, world: World): Promise<Happened> => {
  const { options, pace, fleet, watch, caller, progress } = world;
  const all = options.agents;
  const svids = all * options.entriesPerAgent;
  const [gone, back] = await outage(which, world);
  progress('waiting for the last of them');
  const first = await fleet.until(({ synced }) => synced > 0, back);
  const last = await fleet.until(({ synced }) => synced === all, back);
  const whole = await fleet.until((pulse) => pulse.synced === all && pulse.svids === svids, back);
  await wait(back + pace.asideMs - Date.now());
  return {
    which,
    options,
    gone,
    back,
    first: first.at,
    last: last.at,
    whole: whole.at,
    pulses: fleet.pulses.filter(({ at }) => at >= gone),
    samples: watch.samples.filter(({ at }) => at >= back),
    asked: caller.asked.filter(({ at }) => at >= back),
    askedBefore: caller.asked.filter(({ at }) => at < gone && at >= gone - pace.asideMs),
  };
};

/** The setup goes by a file: it holds keys, and is large. */
const startFleet = (
  folder: string,
  { trustDomain, agents }: Prepared,
  { api, bundleFile }: HerdServer['ready'],
  { startMs }: HerdPace,
  progress: Progress,
): FleetProcess => {
  const setup: FleetSetup = {
    startMs,
    trustDomain,
    api,
    bundle: readFileSync(bundleFile, 'utf8'),
    agents: agents.map(({ chain, key }) => ({ chain, key })),
  };
  const file = join(folder, 'fleet.json');
  writeFileSync(file, JSON.stringify(setup), { mode: 0o600 });
  return new FleetProcess(file, progress);
};

const startCaller = (prepared: Prepared, api: string): Caller => {
  const [holder] = prepared.workloads;
  const [identity] = BENCH_OPERATIONS['access-token'].identities(prepared);
  if (!holder || !identity) throw new Error('nobody was prepared to call');
  return new Caller(api, holder, identity.bodies[0] ?? '');
};

/** What becomes of a fleet, and of others, when the server goes and comes back, against the bars. */
export const measureHerd = async (
  options: HerdOptions,
  folder: string,
  pace: HerdPace,
  progress: Progress,
): Promise<readonly Bar[]> => {
  const dataDir = join(folder, 'data');
  progress(`preparing ${options.agents} agents`);
  const { agents, entriesPerAgent, x509Ttl } = options;
  const prepared = await prepare(dataDir, { agents, entriesPerAgent, workloads: 1, x509Ttl, agentTtl: AGENT_TTL });
  const server = await HerdServer.start(dataDir, prepared.trustDomain, AGENT_TTL);
  const fleet = startFleet(folder, prepared, server.ready, pace, progress);
  const watch = new ServerWatch(server.metrics, () => server.pid);
  const caller = startCaller(prepared, server.ready.api);
  try {
    progress('all of them connect');
    await fleet.until(({ synced, svids }) => synced === agents && svids === agents * entriesPerAgent, 0);
    const bars: Bar[] = [];
    for (const which of options.outages) {
      bars.push(...barsOf(await measure(which, { options, pace, prepared, server, fleet, watch, caller, progress })));
    }
    return bars;
  } finally {
    caller.end();
    watch.end();
    fleet.end();
    await server.go('SIGTERM');
  }
};
