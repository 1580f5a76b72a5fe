import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onCore } from '../cores.ts';
import { residentMiB } from '../memory.ts';
import { prepare } from '../prepare.ts';
import { atMost, type Bar, told } from '../scale/bars.ts';
import type { FromHolder, ToHolder } from './holder-messages.ts';
import type { AgentsOptions } from './options.ts';
import { type AgentsServer, startAgentsServer } from './server.ts';

const STREAM_BAR_KIB = 90;
const CPU_BAR = 10;
const REVOCATION_BAR_S = 2;
const SHARED = 'shared';
const SETTLE_MS = 12_000;
const POLL_MS = 50;
const PATIENCE_MS = 20_000;
/** Clock ticks of /proc in a second. */
const TICKS = 100;

type Progress = (line: string) => void;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** CPU seconds that a process has used. */
const cpuSeconds = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
};

/** The process that holds the streams. */
class StreamHolder {
  readonly #child: ChildProcess;
  readonly #lost: Promise<never>;
  #heard: (message: FromHolder) => void = () => undefined;
  /** When all came to the newest place, in Unix milliseconds. */
  readonly reached = new Map<number, number>();

  constructor(file: string, api: string) {
    const entry = fileURLToPath(new URL('./holder.ts', import.meta.url));
    const [program, args] = onCore('load', [process.execPath, entry, file, api]);
    this.#child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#lost = new Promise((_resolve, reject) => {
      this.#child.on('message', (message: FromHolder) => {
        if (message.kind === 'lost') reject(new Error(message.reason));
        if (message.kind === 'reached') this.reached.set(message.index, message.at);
        this.#heard(message);
      });
      this.#child.on('exit', () => reject(new Error('the process that holds the streams ended')));
    });
    // It is looked at whenever something is waited for.
    this.#lost.catch(() => undefined);
  }

  async open(count: number): Promise<void> {
    const opened = new Promise<void>((resolve) => {
      this.#heard = (message) => {
        if (message.kind === 'opened') resolve();
      };
    });
    this.#child.send({ kind: 'open', count } satisfies ToHolder);
    await Promise.race([opened, this.#lost]);
  }

  async stays(ms: number): Promise<void> {
    await Promise.race([wait(ms), this.#lost]);
  }

  end(): void {
    this.#child.removeAllListeners('exit');
    this.#child.kill('SIGKILL');
  }
}

/** One identity that every agent has an entry for is revoked: how long until the last has heard it, and confirmed. */
const revokeOne = async (server: AgentsServer, holder: StreamHolder, trustDomain: string) => {
  const target = { kind: 'identity', value: `spiffe://${trustDomain}/${SHARED}` };
  const start = Date.now();
  const { body } = await server.admin.call({
    method: 'POST',
    path: '/v1/admin/revocations',
    body: { target, mode: 'reissue', confirm: true },
  });
  const answered = Date.now();
  const { id, index } = (body as { revocation: { id: string; index: number } }).revocation;
  const path = `/v1/admin/revocations/${id}/confirmations`;
  for (;;) {
    const { agents, confirmed } = (await server.admin.call({ method: 'GET', path })).body as {
      agents: number;
      confirmed: number;
    };
    const now = Date.now();
    if (confirmed === agents) {
      return { agents, heard: ((holder.reached.get(index) ?? now) - answered) / 1000, confirmed: (now - start) / 1000 };
    }
    if (now - start > PATIENCE_MS) throw new Error(`only ${confirmed} of ${agents} agents confirmed`);
    await holder.stays(POLL_MS);
  }
};

/** What `GET /v1/sync` costs a server with many agents, against its bars. */
export const measureAgents = async (
  { streams, entriesPerAgent, restSeconds }: AgentsOptions,
  folder: string,
  progress: Progress,
): Promise<readonly Bar[]> => {
  const dataDir = join(folder, 'data');
  progress(`preparing ${streams} agents`);
  const sizes = { agents: streams, entriesPerAgent, workloads: 0, shared: SHARED };
  const { agents, trustDomain } = await prepare(dataDir, sizes);
  const file = join(folder, 'agents.json');
  writeFileSync(file, JSON.stringify(agents.map(({ chain, key }) => ({ chain, key }))), { mode: 0o600 });
  const server = await startAgentsServer(folder, dataDir, trustDomain, streams);
  const holder = new StreamHolder(file, server.api);
  try {
    // The first few warm code and caches that every server has in use.
    const few = Math.ceil(streams / 10);
    progress(`${few} streams`);
    await holder.open(few);
    await holder.stays(SETTLE_MS);
    const before = residentMiB(server.pid);
    progress(`${streams} streams`);
    const start = performance.now();
    await holder.open(streams - few);
    const opening = (performance.now() - start) / 1000;
    await holder.stays(SETTLE_MS);
    const after = residentMiB(server.pid);
    progress(`${restSeconds} s at rest`);
    const cpu = cpuSeconds(server.pid);
    await holder.stays(restSeconds * 1000);
    const share = ((cpuSeconds(server.pid) - cpu) / restSeconds) * 100;
    progress('a revocation');
    const revoked = await revokeOne(server, holder, trustDomain);
    return [
      told('agents', revoked.agents, ''),
      told('opened a second', (streams - few) / opening, '/s'),
      told('resident with all of them', after, 'MiB'),
      atMost('a stream', ((after - before) * 1024) / (streams - few), 'KiB', STREAM_BAR_KIB),
      atMost('CPU at rest, of a core', share, '%', CPU_BAR),
      told('a revocation, from its answer until the last agent hears it', revoked.heard, 's'),
      atMost(
        'a revocation, from the order until the last agent has confirmed it',
        revoked.confirmed,
        's',
        REVOCATION_BAR_S,
      ),
    ];
  } finally {
    holder.end();
    await server.stop();
  }
};
