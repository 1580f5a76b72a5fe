import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { SerialisedMetrics } from '../adapters/http/metrics.ts';
import type { TlsIdentity } from '../adapters/http/tls.ts';
import type { RecordId } from '../domain/record-id.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { AgentPresence, AgentSighting } from '../usecases/agent-presence.ts';
import type { FrontEndStart, FromFrontEnd, ToFrontEnd } from './front-end-messages.ts';
import type { HealthReport } from './readiness.ts';

/** What a front end's thread tells and asks the others through. */
export interface ThreadHub {
  report(sightings: readonly AgentSighting[]): void;
  superseded(credential: RecordId): void;
  /** Of these agents; of all that are connected when none are named. */
  presence(agents: readonly SpiffeId[] | undefined): readonly AgentPresence[];
}

/** Three semi-spaces, a quarter as large as the main thread's (`bin/mayfly.js`): a thread more is to be cheap. */
const YOUNG_MIB = 6;

/** The main thread's side of a further front end. */
export class FrontEndThread {
  readonly #worker: Worker;
  readonly #hub: ThreadHub;
  readonly #asked = new Map<number, (metrics: SerialisedMetrics) => void>();
  readonly #closed = Promise.withResolvers<void>();
  #nextId = 1;
  #closing = false;

  private constructor(worker: Worker, hub: ThreadHub, onFatal: (error: Error) => void) {
    this.#worker = worker;
    this.#hub = hub;
    worker.on('message', (message: FromFrontEnd) => this.#hear(message));
    const end = (error: Error): void => {
      for (const answer of this.#asked.values()) answer([]);
      this.#asked.clear();
      this.#closed.resolve();
      if (!this.#closing) onFatal(error);
    };
    worker.on('error', (error) => end(Error.isError(error) ? error : new Error('a front end failed')));
    worker.on('exit', () => end(new Error('a front end ended')));
  }

  /** Resolves when it listens. `onFatal` is called when it dies later. */
  static async start(start: FrontEndStart, hub: ThreadHub, onFatal: (error: Error) => void): Promise<FrontEndThread> {
    const entry = new URL(`./front-end-worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url);
    const worker = new Worker(entry, {
      workerData: start,
      transferList: [start.ledgerLine.port],
      name: 'mayfly-front-end',
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    worker.once('message', (message: FromFrontEnd) => {
      if (message.kind === 'ready') resolve();
      else reject(new Error(message.kind === 'failed' ? message.message : 'a front end answers out of turn'));
    });
    worker.once('error', reject);
    const thread = new FrontEndThread(worker, hub, onFatal);
    await promise;
    worker.off('error', reject);
    return thread;
  }

  replaceIdentity(own: TlsIdentity): void {
    this.#say({ kind: 'identity', own });
  }

  tell(report: HealthReport): void {
    this.#say({ kind: 'health', report });
  }

  superseded(credential: RecordId): void {
    this.#say({ kind: 'superseded', credential });
  }

  flushDenials(): void {
    this.#say({ kind: 'flush-denials' });
  }

  purged(): void {
    this.#say({ kind: 'purged' });
  }

  metrics(): Promise<SerialisedMetrics> {
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<SerialisedMetrics>();
    this.#asked.set(id, resolve);
    this.#say({ kind: 'metrics', id });
    return promise;
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#say({ kind: 'close' });
    await this.#closed.promise;
    await this.#worker.terminate();
  }

  #say(message: ToFrontEnd): void {
    this.#worker.postMessage(message);
  }

  #hear(message: FromFrontEnd): void {
    switch (message.kind) {
      case 'closed':
        return this.#closed.resolve();
      case 'metrics':
        this.#asked.get(message.id)?.(message.metrics);
        this.#asked.delete(message.id);
        return undefined;
      case 'agents':
        return this.#hub.report(message.sightings);
      case 'superseded':
        return this.#hub.superseded(message.credential);
      case 'presence':
        return this.#say({ kind: 'presence', id: message.id, presence: this.#hub.presence(message.agents) });
      default:
        return undefined;
    }
  }
}
