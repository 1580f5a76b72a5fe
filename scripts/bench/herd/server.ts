import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort } from '../free-port.ts';

const ENTRY = fileURLToPath(new URL('./serve.ts', import.meta.url));
const START_MS = 30_000;

interface Ready {
  readonly api: string;
  readonly public: string;
  readonly bundleFile: string;
}

/** Goes and comes back, on the same ports. */
export class HerdServer {
  readonly #args: readonly string[];
  readonly metrics: string;
  #child: ChildProcess | undefined;
  #ready: Ready = { api: '', public: '', bundleFile: '' };

  private constructor(args: readonly string[], metricsPort: number) {
    this.#args = args;
    this.metrics = `http://127.0.0.1:${metricsPort}/metrics`;
    process.once('exit', () => this.#child?.kill('SIGKILL'));
  }

  static async start(dataDir: string, trustDomain: string, agentTtl: number): Promise<HerdServer> {
    const ports = [await freePort(), await freePort(), await freePort()] as const;
    const server = new HerdServer([dataDir, trustDomain, String(agentTtl), ...ports.map(String)], ports[2]);
    await server.comeBack();
    return server;
  }

  get ready(): Ready {
    return this.#ready;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Resolves when it serves. */
  async comeBack(): Promise<void> {
    const child = spawn(process.execPath, [ENTRY, ...this.#args], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    this.#child = child;
    const [ready] = (await Promise.race([
      once(child, 'message', { signal: AbortSignal.timeout(START_MS) }),
      once(child, 'exit').then(() => Promise.reject(new Error('the server ended before it was ready'))),
    ])) as [Ready];
    this.#ready = ready;
  }

  /** Resolves when it is gone. */
  async go(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}
