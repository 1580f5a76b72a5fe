import { createHash, type Hash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Clock } from '../../ports/clock.ts';
import type { ProgramFile, WorkloadProcess } from '../../ports/workload-attestor.ts';
import { UserQueues } from './user-queues.ts';

/** So much is hashed before others have their turn: about a tenth of a millisecond. */
const CHUNK_BYTES = 256 * 1024;
const MOST_KEPT = 256;
/** Users whose programs are read side by side, each with an open file. */
const MOST_USERS = 16;
/** File systems keep times in ticks of up to 10 ms: a file that was just changed may change again and look the same. */
const SETTLED_MS = 1000;

export interface ProgramDigestOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Longer programs have no digest. */
  readonly maxBytes: number;
}

const isOf = (file: ProgramFile, stats: BigIntStats): boolean => file.device === stats.dev && file.inode === stats.ino;

const markOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  [dev, ino, size, mtimeNs, ctimeNs].join(' ');

/**
 * SHA-256 of programs that run. One piece of one file is read at a time, so that callers with large programs do not take the agent's time
 * from its other work; users take turns at it, piece by piece, each with one file, so that they do not take it from each other.
 * Kept by device, inode, size and times of the file.
 */
export class ProgramDigests {
  readonly #options: ProgramDigestOptions;
  readonly #kept = new Map<string, string>();
  readonly #users = new UserQueues(MOST_USERS);
  /** Those under way, for who wants the same. */
  readonly #flights = new Map<string, Promise<string>>();
  readonly #chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  #lastPiece: Promise<unknown> = Promise.resolve();

  constructor(options: ProgramDigestOptions) {
    this.#options = options;
  }

  /**
   * Of the file that the process runs, read through `/proc/PID/exe`, whatever its path means by now. Undefined when the process
   * runs another program than the one it was held with, or one that is too long. Rejects when the file cannot be read or
   * changed meanwhile, and when the signal aborted before its turn came.
   */
  async of(process: WorkloadProcess, signal: AbortSignal): Promise<string | undefined> {
    return this.#users.run(process.uid, () => this.#read(process, signal));
  }

  async #read({ pid, program }: WorkloadProcess, signal: AbortSignal): Promise<string | undefined> {
    signal.throwIfAborted();
    if (program === undefined) return undefined;
    const handle = await open(`/proc/${pid}/exe`, 'r');
    try {
      const stats = await handle.stat({ bigint: true });
      if (!isOf(program, stats) || !stats.isFile() || stats.size > BigInt(this.#options.maxBytes)) return undefined;
      // One that was just changed may be another file under the same mark.
      return await (this.#isSettled(stats) ? this.#shared(handle, stats) : this.#digestOf(handle, stats));
    } finally {
      await handle.close();
    }
  }

  #isSettled({ ctimeMs }: BigIntStats): boolean {
    return Number(ctimeMs) + SETTLED_MS <= this.#options.clock.now();
  }

  /** As kept, as somebody else's work gives it, or by work of its own. */
  async #shared(handle: FileHandle, stats: BigIntStats): Promise<string> {
    const mark = markOf(stats);
    const known = this.#kept.get(mark) ?? this.#flights.get(mark);
    if (known !== undefined) return known;
    const flight = this.#digestOf(handle, stats);
    this.#flights.set(mark, flight);
    try {
      const digest = await flight;
      this.#keep(mark, digest);
      return digest;
    } finally {
      this.#flights.delete(mark);
    }
  }

  #keep(mark: string, digest: string): void {
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size >= MOST_KEPT) this.#kept.delete(oldest);
    this.#kept.set(mark, digest);
  }

  async #digestOf(handle: FileHandle, before: BigIntStats): Promise<string> {
    const hash = createHash('sha256');
    for (;;) {
      const length = await this.#piece(handle, hash);
      if (length === 0) break;
    }
    const after = await handle.stat({ bigint: true });
    if (markOf(after) !== markOf(before)) throw new Error('the program changed while it was read');
    return hash.digest('hex');
  }

  /** Reads on, after those who asked before. Gives how much there was. */
  async #piece(handle: FileHandle, hash: Hash): Promise<number> {
    const mine = this.#lastPiece.then(async () => {
      const { bytesRead } = await handle.read(this.#chunk, 0, CHUNK_BYTES);
      hash.update(this.#chunk.subarray(0, bytesRead));
      return bytesRead;
    });
    this.#lastPiece = mine.catch(() => undefined);
    return mine;
  }
}
