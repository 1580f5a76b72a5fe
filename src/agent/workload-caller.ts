import { Refusal } from '../domain/refusal.ts';
import type { SyncDenial } from '../formats/sync-message.ts';
import type { Clock } from '../ports/clock.ts';
import type { WorkloadProcess } from '../ports/workload-attestor.ts';
import type { AttestWorkload } from './attest-workload.ts';
import type { Denials } from './denials.ts';

export interface WorkloadCallerParts {
  readonly attest: AttestWorkload;
  readonly denials: Denials;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** How long selectors count for further calls on the same connection, while the process is the same. Milliseconds. */
const REUSED_FOR_MS = 5000;
/** How often selectors of a kind that a process had, and suddenly has none of, are asked for again before that is believed. */
const DOUBTS = 3;

/** `unix`, of `unix:uid:1000`. */
const typesOf = (selectors: readonly string[]): ReadonlySet<string> =>
  new Set(selectors.map((selector) => selector.slice(0, selector.indexOf(':'))));

/** The process at the other end of one connection, and what was proven of it. */
export class WorkloadCaller {
  readonly #parts: WorkloadCallerParts;
  readonly #process: WorkloadProcess;
  readonly #closed = new AbortController();
  #selectors: readonly string[] = [];
  #attestedAt = -Infinity;
  #doubts = 0;
  #flight: Promise<readonly string[]> | undefined;

  constructor(parts: WorkloadCallerParts, process: WorkloadProcess) {
    this.#parts = parts;
    this.#process = process;
  }

  /** Aborts when the connection closes. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  close(): void {
    this.#closed.abort();
    this.#process.close();
  }

  /** Whether what was proven last is still in doubt, and to be asked for again soon. */
  get isDoubted(): boolean {
    return this.#doubts > 0;
  }

  /**
   * Its selectors, not older than five seconds. Refuses with `no_identity` a process that is not the one that connected any more,
   * with `unavailable` when attestation fails or the connection is closed.
   */
  async selectors(operation: string): Promise<readonly string[]> {
    const age = this.#parts.clock.monotonic() - this.#attestedAt;
    if (age > REUSED_FOR_MS) return this.attest(operation);
    this.checkSame(operation);
    return this.#selectors;
  }

  /** As `selectors`, proven anew. */
  async attest(operation: string): Promise<readonly string[]> {
    this.#flight ??= this.#attest(operation).finally(() => {
      this.#flight = undefined;
    });
    return this.#flight;
  }

  /** Refuses as `selectors` when the process that connected is gone, or is another program by now (WLAPI-10). */
  checkSame(operation: string): void {
    if (this.closed.aborted) throw new Refusal('unavailable', 'the connection is closed');
    if (!this.#process.isSame()) throw this.#gone(operation);
  }

  /** The refusal of a caller that gets nothing, under an id that the server will have on record (P7). */
  denied(denial: Omit<SyncDenial, 'id' | 'selectors'>): Refusal {
    const decisionId = this.#parts.denials.note({ ...denial, selectors: this.#selectors });
    return new Refusal('no_identity', 'no identity issued', { decisionId, reason: denial.reason });
  }

  async #attest(operation: string): Promise<readonly string[]> {
    if (this.closed.aborted) throw new Refusal('unavailable', 'the connection is closed');
    try {
      const selectors = await this.#parts.attest(this.#process, this.closed);
      return this.#believe(selectors);
    } catch (error) {
      if (error instanceof Refusal && error.code === 'unauthenticated') throw this.#gone(operation);
      throw error;
    }
  }

  /** An attestor that fails lacks its selectors without a word, and a workload must not lose its identity over that at once. */
  #believe(selectors: readonly string[]): readonly string[] {
    const types = typesOf(selectors);
    const lacks = [...typesOf(this.#selectors)].some((type) => !types.has(type));
    this.#attestedAt = this.#parts.clock.monotonic();
    if (lacks && this.#doubts < DOUBTS) {
      this.#doubts += 1;
      return this.#selectors;
    }
    this.#doubts = 0;
    this.#selectors = selectors;
    return selectors;
  }

  #gone(operation: string): Refusal {
    return this.denied({ operation, reason: 'the process that connected ended, or is not the same any more' });
  }
}
