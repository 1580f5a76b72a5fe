import type { Clock } from '../ports/clock.ts';
import type { HoldingsCache } from '../ports/holdings-cache.ts';
import type { Logger } from '../ports/logger.ts';
import type { Delays } from '../ports/timers.ts';

export interface KeepHoldingsParts {
  readonly cache: HoldingsCache;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly delays: Delays;
  readonly logger: Logger;
  /** What is to be kept now; undefined while there is nothing. */
  readonly write: () => Uint8Array | undefined;
  /** By how much the stored time of the last word may lie behind, in milliseconds. */
  readonly lateness: () => number;
}

/** Milliseconds: how long a change may wait for others to be saved with it, and the least time between two saves. */
const SAVED_AFTER_MS = 1000;
const SAVED_EVERY_MS = 5000;

/** Saves what the agent holds soon after a change, and otherwise often enough to keep the time of the last word recent. */
export class KeepHoldings {
  readonly #parts: KeepHoldingsParts;
  #cancel: (() => void) | undefined;
  #savedAt = -Infinity;
  /** Saves and removals, one after another. */
  #work: Promise<void> = Promise.resolve();
  #isDirty = false;
  #isStopped = false;

  constructor(parts: KeepHoldingsParts) {
    this.#parts = parts;
  }

  /** Something changed. */
  changed(): void {
    this.#isDirty = true;
    if (this.#cancel || this.#isStopped) return;
    const since = this.#parts.clock.monotonic() - this.#savedAt;
    this.#cancel = this.#parts.delays.after(Math.max(SAVED_AFTER_MS, SAVED_EVERY_MS - since), () => {
      this.#cancel = undefined;
      this.#save();
    });
  }

  /** The server has just confirmed that nothing changed. */
  heard(): void {
    if (this.#parts.clock.monotonic() - this.#savedAt >= this.#parts.lateness()) this.changed();
  }

  /**
   * Saves at once, and resolves when that is done. When it fails, removes what was saved before, which holds credentials that must
   * not come back.
   */
  settle(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#isDirty = false;
    this.#savedAt = this.#parts.clock.monotonic();
    return this.#then(async () => {
      try {
        await this.#write();
      } catch (error) {
        await this.#parts.cache.clear();
        throw error;
      }
    });
  }

  /** Removes what was saved. */
  async clear(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#isDirty = false;
    return this.#then(() => this.#parts.cache.clear());
  }

  /** Saves what is not saved yet, and nothing after that: the folder may belong to another agent process by then. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#isDirty) this.#save();
    return this.#work;
  }

  #save(): void {
    this.#isDirty = false;
    this.#savedAt = this.#parts.clock.monotonic();
    void this.#then(() => this.#write());
  }

  async #write(): Promise<void> {
    const plain = this.#parts.write();
    if (plain === undefined) return;
    try {
      await this.#parts.cache.save(plain);
    } finally {
      plain.fill(0);
    }
  }

  #then(step: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(step).catch((error: unknown) => {
      this.#parts.logger.error('what the agent holds is not kept on disk', { problem: (error as Error).message });
    });
    return this.#work;
  }
}
