import { Refusal } from '../domain/refusal.ts';
import type { SyncDenial } from '../formats/sync-message.ts';
import type { Clock } from '../ports/clock.ts';
import type { WorkloadProcess } from '../ports/workload-attestor.ts';
import type { AttestedWorkload, AttestWorkload } from './attest-workload.ts';
import type { Denials } from './denials.ts';

export interface WorkloadCallerParts {
  readonly attest: AttestWorkload;
  readonly denials: Denials;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** How long selectors count for further calls on the same connection, while the process is the same. Milliseconds. */
const REUSED_FOR_MS = 5000;
/** How long the selectors of an attestor that cannot tell are taken to be those of before. Milliseconds. */
const BELIEVED_FOR_MS = 60_000;

/** `unix`, of `unix:uid:1000`. */
const typeOf = (selector: string): string => selector.slice(0, selector.indexOf(':'));

/** The process at the other end of one connection, and what was proven of it. */
export class WorkloadCaller {
  readonly #parts: WorkloadCallerParts;
  readonly #process: WorkloadProcess;
  readonly #closed = new AbortController();
  #selectors: readonly string[] = [];
  #untold: readonly string[] = [];
  #attestedAt = -Infinity;
  /** When all attestors told last. */
  #wholeAt = -Infinity;
  #isDoubted = false;
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
    return this.#isDoubted;
  }

  /**
   * Its selectors, not older than five seconds. Refuses with `no_identity` a process that was not the one that connected any more
   * when they were proven, with `unavailable` when attestation fails or the connection is closed. Whoever gives it something
   * on the strength of them calls `checkSame` right before.
   */
  async selectors(operation: string): Promise<readonly string[]> {
    const age = this.#parts.clock.monotonic() - this.#attestedAt;
    // Who was told to come again is looked at again.
    if (age > REUSED_FOR_MS || this.#untold.length > 0) return this.attest(operation);
    this.#checkOpen();
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
    this.#checkOpen();
    if (!this.#process.isSame()) throw this.#gone(operation);
  }

  /**
   * The refusal of a caller that gets nothing, under an id that the server will have on record (P7). While an attestor cannot tell it
   * is `unavailable`: no client is to take for final what may be another answer in a moment (WLE-13).
   */
  denied(denial: Omit<SyncDenial, 'id' | 'selectors'>): Refusal {
    if (this.#untold.length === 0) return this.#nothing(denial);
    const reason = `attestors that could not tell: ${this.#untold.join(', ')}`;
    return new Refusal('unavailable', 'it cannot be told now who is calling', { reason, retryAfter: 1 });
  }

  #checkOpen(): void {
    if (this.closed.aborted) throw new Refusal('unavailable', 'the connection is closed');
  }

  async #attest(operation: string): Promise<readonly string[]> {
    this.#checkOpen();
    try {
      return this.#believe(await this.#parts.attest(this.#process, this.closed));
    } catch (error) {
      if (error instanceof Refusal && error.code === 'unauthenticated') throw this.#gone(operation);
      throw error;
    }
  }

  /** A workload must not lose its identity because an attestor that told of it before cannot tell now. */
  #believe({ selectors, untold }: AttestedWorkload): readonly string[] {
    const now = this.#parts.clock.monotonic();
    this.#attestedAt = now;
    this.#untold = untold;
    if (untold.length === 0) this.#wholeAt = now;
    const isRecent = now - this.#wholeAt <= BELIEVED_FOR_MS;
    const before = isRecent ? this.#selectors.filter((selector) => untold.includes(typeOf(selector))) : [];
    this.#isDoubted = before.length > 0;
    this.#selectors = this.#isDoubted ? [...new Set([...selectors, ...before])].sort() : selectors;
    return this.#selectors;
  }

  #nothing(denial: Omit<SyncDenial, 'id' | 'selectors'>): Refusal {
    const decisionId = this.#parts.denials.note(this.#process.uid, { ...denial, selectors: this.#selectors });
    return new Refusal('no_identity', 'no identity issued', { decisionId, reason: denial.reason });
  }

  #gone(operation: string): Refusal {
    return this.#nothing({ operation, reason: 'the process that connected ended, or is not the same any more' });
  }
}
