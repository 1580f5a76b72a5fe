import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AgentOverrides, type RunningAgent, startAgent } from '../../src/compose/agent.ts';
import { configSchema } from '../../src/compose/config-schema.ts';
import type { AgentConfig } from '../../src/compose/config.ts';
import { type SourceEvents } from '../../src/workload/source.ts';
import { X509Source } from '../../src/workload/x509-source.ts';
import { keepingLogger } from './http.ts';
import type { Journey } from './journey.ts';

/** What callers in this process prove: they are all this process. */
export const OWN_SELECTOR = `unix:uid:${process.getuid?.()}`;

export const AGENT = 'spiffe://example.org/mayfly/agent/join_token/node-1';

/** A node with an agent as `mayfly agent run` composes it, over a real socket, beside a journey's server. */
export class Node {
  readonly folder: string;
  readonly log = keepingLogger();
  #agent: RunningAgent | undefined;
  #config: AgentConfig | undefined;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'mayfly-node-'));
    // Callers of a node are of other users.
    chmodSync(this.folder, 0o755);
  }

  get agent(): RunningAgent {
    if (this.#agent === undefined) throw new Error('the agent does not run');
    return this.#agent;
  }

  /** `unix://…`, as `SPIFFE_ENDPOINT_SOCKET` has it. */
  get address(): string {
    return `unix://${join(this.folder, 'w.sock')}`;
  }

  /** Prepares the node with a join token, as an operator does. `more` stands in the section of the agent. */
  async prepare(
    { server, joinToken }: Pick<Journey, 'server'> & { joinToken: Journey['joinToken'] },
    more: object = {},
  ) {
    const tokenFile = join(this.folder, 'token');
    writeFileSync(tokenFile, await joinToken({ agent: 'node-1' }), { mode: 0o600 });
    this.#config = configSchema({ folder: this.folder }).parse({
      trustDomain: 'example.org',
      agent: {
        server: server.ready.api,
        stateDir: join(this.folder, 'state'),
        socket: join(this.folder, 'w.sock'),
        trust: { bundleFile: server.ready.bundleFile },
        evidence: { joinTokenFile: tokenFile },
        metrics: { port: 0 },
        ...more,
      },
    }) as AgentConfig;
  }

  /** Starts the agent and waits until it serves. */
  async start(overrides: AgentOverrides = {}): Promise<RunningAgent> {
    const agent = await this.listen(overrides);
    await agent.ready;
    return agent;
  }

  /** Starts the agent; it may have nothing to serve yet. */
  async listen(overrides: AgentOverrides = {}): Promise<RunningAgent> {
    if (this.#config === undefined) throw new Error('the node is not prepared');
    this.#agent = await startAgent(this.#config, { logger: this.log, ...overrides });
    return this.#agent;
  }

  async restart(): Promise<RunningAgent> {
    await this.agent.stop();
    return this.start();
  }

  source(): Promise<X509Source> {
    return X509Source.create({ address: this.address });
  }

  async remove(): Promise<void> {
    await this.#agent?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The next event of a source that `isIt`. Begin to wait before what causes it. */
export const next = (source: X509Source, event: keyof SourceEvents, isIt: () => boolean = () => true): Promise<void> =>
  new Promise((resolve) => {
    const heard = (): void => {
      if (!isIt()) return;
      source.off(event, heard);
      resolve();
    };
    source.on(event, heard);
  });
