import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Clock } from '../../ports/clock.ts';
import type { ProgramFile, WorkloadProcess } from '../../ports/workload-attestor.ts';

/** So much is hashed before others have their turn: about a tenth of a millisecond. */
const CHUNK_BYTES = 256 * 1024;
const MOST_KEPT = 256;
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

const digestOf = async (handle: FileHandle): Promise<string> => {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  for (;;) {
    const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(chunk.subarray(0, bytesRead));
  }
};

/**
 * SHA-256 of programs that run, one at a time, so that callers with large programs do not take the agent's time from the others. Kept
 * by device, inode, size and times of the file.
 */
export class ProgramDigests {
  readonly #options: ProgramDigestOptions;
  readonly #kept = new Map<string, string>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ProgramDigestOptions) {
    this.#options = options;
  }

  /**
   * Of the file that the process runs, read through `/proc/PID/exe`, whatever its path means by now. Undefined when the process
   * runs another program than the one it was held with, or one that is too long. Rejects when the file cannot be read or
   * changed meanwhile, and when the signal aborted before its turn came.
   */
  async of(process: WorkloadProcess, signal: AbortSignal): Promise<string | undefined> {
    const mine = this.#last.then(() => this.#read(process, signal));
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  async #read({ pid, program }: WorkloadProcess, signal: AbortSignal): Promise<string | undefined> {
    signal.throwIfAborted();
    if (program === undefined) return undefined;
    const handle = await open(`/proc/${pid}/exe`, 'r');
    try {
      const stats = await handle.stat({ bigint: true });
      if (!isOf(program, stats) || !stats.isFile() || stats.size > BigInt(this.#options.maxBytes)) return undefined;
      const kept = this.#kept.get(markOf(stats));
      if (kept !== undefined) return kept;
      const digest = await digestOf(handle);
      const after = await handle.stat({ bigint: true });
      if (markOf(after) !== markOf(stats)) throw new Error('the program changed while it was read');
      this.#keep(after, digest);
      return digest;
    } finally {
      await handle.close();
    }
  }

  #keep(stats: BigIntStats, digest: string): void {
    if (Number(stats.ctimeMs) + SETTLED_MS > this.#options.clock.now()) return;
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size >= MOST_KEPT) this.#kept.delete(oldest);
    this.#kept.set(markOf(stats), digest);
  }
}
