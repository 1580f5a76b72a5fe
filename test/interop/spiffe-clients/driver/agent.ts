import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mayfly, startMayfly } from './mayfly.ts';
import type { Program } from './program.ts';
import type { Server } from './server.ts';

/** An agent with a state folder of its own, which can be stopped, killed and started again. */
export class Agent {
  readonly spiffeId: string;
  readonly socket: string;
  readonly #config: string;
  #process: Program | undefined;

  private constructor(spiffeId: string, folder: string) {
    this.spiffeId = spiffeId;
    this.socket = join(folder, 'run', 'workload.sock');
    this.#config = join(folder, 'agent.yaml');
  }

  /** Admits an agent with a join token; it does not run yet. `api` is where it finds the server, if not straight. */
  static async admit(server: Server, folder: string, name: string, api = server.api): Promise<Agent> {
    mkdirSync(join(folder, 'run'), { recursive: true, mode: 0o755 });
    const { token, spiffeId } = (await server.admin('join-token', 'create', '--agent', name)) as {
      readonly token: string;
      readonly spiffeId: string;
    };
    const tokenFile = join(folder, 'join-token');
    writeFileSync(tokenFile, token, { mode: 0o600 });
    const agent = new Agent(spiffeId, folder);
    await mayfly(
      ...['agent', 'init', '--trust-domain', server.trustDomain, '--server', api, '--bundle-file', server.bundleFile],
      ...['--join-token-file', tokenFile, '--config', agent.#config],
      ...['--state-dir', join(folder, 'state'), '--socket', agent.socket],
    );
    return agent;
  }

  /** Starts it, and waits until its socket is there. */
  async start(): Promise<void> {
    this.#process = startMayfly('agent', 'run', '--config', this.#config, '--set', 'agent.metrics.port=0');
    const limit = Date.now() + 20_000;
    while (!existsSync(this.socket)) {
      if (!this.#process.isRunning || Date.now() > limit)
        throw new Error(`the agent does not serve: ${this.#process.said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Waits until it has heard of its server, and serves workloads. */
  async serving(): Promise<void> {
    await this.#process?.next('the line that says that it serves', (event) => 'workloadSocket' in event, {
      within: 20_000,
    });
  }

  /** What it logs. */
  get said(): string {
    return this.#process?.said ?? '';
  }

  get isRunning(): boolean {
    return this.#process?.isRunning ?? false;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#process?.stop(signal);
  }
}
