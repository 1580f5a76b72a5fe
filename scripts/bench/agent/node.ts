import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type AdminApi, localAdminApi } from '../../../src/adapters/http-client/admin.ts';
import { agentId } from '../../../src/domain/spiffe-id.ts';
import type { TrustDomain } from '../../../src/domain/trust-domain.ts';
import { type Core, onCore } from '../cores.ts';

const LAUNCHER = fileURLToPath(new URL('../../../bin/mayfly.js', import.meta.url));
const START_MS = 30_000;
const AGENT = 'bench';

interface Running {
  readonly line: Readonly<Record<string, unknown>>;
  readonly pid: number;
  stop(): Promise<void>;
}

/** A command of ours that goes on running; its first line of JSON says that it serves. */
const run = (core: Core, flags: readonly string[], args: readonly string[]) => {
  const [program, rest] = onCore(core, [process.execPath, ...flags, LAUNCHER, ...args, '--json']);
  const startedAt = Date.now();
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    process.off('exit', kill);
  };
  const serving = async (): Promise<Running> => {
    const [line] = (await Promise.race([
      once(createInterface(child.stdout), 'line', { signal: AbortSignal.timeout(START_MS) }),
      ended.then(() => Promise.reject(new Error(`mayfly ${args[0]} ended before it served`))),
    ])) as [string];
    return { line: JSON.parse(line) as Running['line'], pid: child.pid ?? 0, stop };
  };
  return { startedAt, serving: serving() };
};

/** A server of its own on the core of the load, which has nothing to do with it while calls are counted. */
export class Server {
  readonly admin: AdminApi;
  readonly trustDomain: TrustDomain;
  readonly #running: Running;

  private constructor(running: Running) {
    this.#running = running;
    this.trustDomain = String(running.line['trustDomain']) as TrustDomain;
    this.admin = localAdminApi(String(running.line['adminSocket']));
  }

  static async start(folder: string): Promise<Server> {
    return new Server(await run('load', [], ['dev', '--data-dir', join(folder, 'data')]).serving);
  }

  get api(): string {
    return String(this.#running.line['api']);
  }

  get bundleFile(): string {
    return String(this.#running.line['bundleFile']);
  }

  get agentId(): string {
    return agentId(this.trustDomain, 'join_token', AGENT);
  }

  async stop(): Promise<void> {
    await this.#running.stop();
  }
}

export interface StartedAgent {
  /** Unix milliseconds at which the process was made. */
  readonly startedAt: number;
  /** Once it serves. */
  readonly serving: Promise<{ readonly pid: number; stop(): Promise<void> }>;
}

/** The agent of one node, on the other core: `mayfly agent run` as people run it. */
export class Agent {
  readonly socket: string;
  readonly #server: Server;
  readonly #folder: string;
  readonly #flags: readonly string[];

  constructor(server: Server, folder: string, flags: readonly string[]) {
    this.#server = server;
    this.#folder = folder;
    this.#flags = flags;
    this.socket = join(folder, 'run', 'workload.sock');
  }

  /** With a state folder that is empty but for a join token. */
  async startAnew(): Promise<StartedAgent> {
    const token = join(this.#folder, 'join-token');
    const request = { method: 'POST', path: '/v1/admin/join-tokens', body: { agent: AGENT } } as const;
    const { body } = await this.#server.admin.call(request);
    writeFileSync(token, (body as { token: string }).token, { mode: 0o600 });
    const stateDir = join(this.#folder, 'state');
    if (existsSync(stateDir)) throw new Error('the agent has a state already');
    mkdirSync(stateDir, { mode: 0o700 });
    const { api, bundleFile, trustDomain } = this.#server;
    const agent = {
      server: api,
      stateDir,
      socket: this.socket,
      trust: { bundleFile },
      evidence: { joinTokenFile: token },
      metrics: { port: 0 },
    };
    // JSON is YAML.
    writeFileSync(this.#config, JSON.stringify({ trustDomain, agent }));
    chmodSync(this.#folder, 0o755);
    return this.start();
  }

  /** With the state that it has. */
  start(): StartedAgent {
    return run('server', this.#flags, ['agent', 'run', '--config', this.#config]);
  }

  get #config(): string {
    return join(this.#folder, 'agent.yaml');
  }
}
