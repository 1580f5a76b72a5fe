import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import type { EpochOpening } from '../../ledger/open-epoch.ts';
import type { ChoreRequest, ControlMessage, PurgeCounts, WriterMessage, WriterOptions } from './messages.ts';

interface Pending {
  resolve(purged: PurgeCounts | undefined): void;
  reject(reason: Error): void;
}

/** Nearly all that the thread makes is garbage with the next batch, so that little has to be copied however often it collects. */
const YOUNG_MIB = 12;

/** Whoever starts the server again has to know whether a disk failed, or what lies on it. */
const withCode = (error: Error, code: string | undefined): Error =>
  code === undefined ? error : Object.assign(error, { code });

/** Node rebuilds a thread's error by hand, so that it is no true Error here; what is thrown may be anything. */
const asError = (thrown: unknown): Error => {
  if (Error.isError(thrown)) return thrown;
  const { message = 'unknown', code }: Partial<NodeJS.ErrnoException> =
    typeof thrown === 'object' && thrown !== null ? thrown : {};
  return withCode(new Error(`the writer thread failed: ${message}`, { cause: thrown }), code);
};

/** The process's side of the writer thread. */
export class LedgerWriter {
  readonly #worker: Worker;
  readonly #onFatal: (error: Error) => void;
  readonly #pending = new Map<number, Pending>();
  readonly #onReadOnly = new Set<(reason: string) => void>();
  #readOnly: string | undefined;
  #nextId = 1;
  #closing = false;
  #ended = false;

  private constructor(worker: Worker, onFatal: (error: Error) => void) {
    this.#worker = worker;
    this.#onFatal = onFatal;
  }

  /**
   * Starts the thread and waits until the store is open. Rejects with a sentence for the operator when it must not open,
   * and with the `code` of SQLite or the system when one of them failed.
   * `onFatal` is called when the thread dies later: whether its last batch is durable is then unknown, so the process
   * must end and recover at the next start (DEC-8).
   */
  static async start(options: WriterOptions, onFatal: (error: Error) => void): Promise<LedgerWriter> {
    // From source this file ends in .ts, from the package in .js; so does the thread's.
    const entry = new URL(`./writer-worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url);
    const worker = new Worker(entry, {
      workerData: options,
      name: 'mayfly-writer',
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
    });
    const writer = new LedgerWriter(worker, onFatal);
    await writer.#opened();
    worker.on('message', (message: WriterMessage) => writer.#hear(message));
    worker.on('error', (error) => writer.#end(asError(error)));
    worker.on('exit', () => writer.#end(new Error('the writer thread ended')));
    return writer;
  }

  /** Why no fact is admitted; undefined while they are. */
  get readOnly(): string | undefined {
    return this.#readOnly;
  }

  /** Calls back when the store stops to take facts. */
  onReadOnly(listener: (reason: string) => void): void {
    this.#onReadOnly.add(listener);
  }

  /** A line for one front end; the port may be handed to another thread. */
  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    const message: ControlMessage = { kind: 'connect', port: port2 };
    this.#worker.postMessage(message, [port2]);
    return port1;
  }

  /** Commits a row that is no fact: the store takes writes (DEC-34). */
  async probe(now: number): Promise<void> {
    await this.#ask({ chore: 'probe', now });
  }

  /** Retention, in chunks between which issuing goes on. */
  async purge(now: number): Promise<PurgeCounts> {
    const purged = await this.#ask({ chore: 'purge', now });
    if (!purged) throw new Error('the writer did not say what it purged');
    return purged;
  }

  /** Moves the write-ahead log into the store and empties it. */
  async checkpoint(): Promise<void> {
    await this.#ask({ chore: 'checkpoint' });
  }

  /** A store that took no facts takes them again, in the epoch that this opens. */
  async openEpoch(opening: EpochOpening, seed: Uint8Array): Promise<void> {
    await this.#ask({ chore: 'open-epoch', opening, seed });
    this.#readOnly = undefined;
  }

  /** Finishes what front ends have sent, empties the write-ahead log, lets go of the folder. */
  async close(): Promise<void> {
    if (this.#closing || this.#ended) return;
    this.#closing = true;
    const ended = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    await this.#ask({ chore: 'close' });
    // It ends by itself: cutting a thread off in the midst of its own clean-up has crashed V8.
    await ended;
  }

  #opened(): Promise<void> {
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      // One by one: removing all would take Node's own listeners too, and with them the line to the thread.
      const settle = (error?: Error): void => {
        worker.off('message', heard);
        worker.off('error', failed);
        worker.off('exit', ended);
        if (error) reject(error);
        else resolve();
      };
      let why = new Error('the writer thread ended before the store was open');
      const heard = (message: WriterMessage): void => {
        if (message.kind === 'refused') why = withCode(new Error(message.message), message.code);
        else if (message.kind === 'read-only') this.#hear(message);
        else settle();
      };
      const failed = (error: unknown): void => {
        why = asError(error);
      };
      // Only then the folder is free again.
      const ended = (): void => settle(why);
      worker.on('message', heard);
      worker.on('error', failed);
      worker.on('exit', ended);
    });
  }

  #ask(request: ChoreRequest): Promise<PurgeCounts | undefined> {
    if (this.#ended) return Promise.reject(new Error('the writer thread has ended'));
    const id = this.#nextId++;
    const message: ControlMessage = { kind: 'chore', id, ...request };
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage(message);
    });
  }

  #hear(message: WriterMessage): void {
    if (message.kind === 'read-only') {
      this.#readOnly = message.reason;
      for (const listener of this.#onReadOnly) listener(message.reason);
    }
    if (message.kind !== 'done') return;
    this.#pending.get(message.id)?.resolve(message.purged);
    this.#pending.delete(message.id);
  }

  #end(error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
    if (!this.#closing) this.#onFatal(error);
  }
}
