import { EventEmitter } from 'node:events';
import type { TrustDomain } from '../domain/trust-domain.ts';
import { agentTarget, type AgentOptions } from './agent.ts';
import { isFinal, WorkloadError } from './errors.ts';
import { firstOf, quietly, type SourceEvents } from './source.ts';
import { watchStream } from './watch.ts';
import { workloadMethods } from './wire.ts';
import { readX509Context, type X509Bundle, type X509Context, type X509Svid } from './x509-context.ts';

/**
 * Chooses the identity to use among those that the agent gives; nothing if none of them is meant. Where it throws, the message is refused
 * as a whole, with a problem `pick_failed`.
 */
export type PickX509Svid = (svids: readonly X509Svid[]) => X509Svid | undefined;

export interface X509SourceOptions extends AgentOptions {
  /** The first unless told: the agent's default (WLAPI-25). Called again at every rotation. */
  readonly pick?: PickX509Svid | undefined;
  /** Listens to `problem` from the beginning, so that it can be told why there is no source yet. */
  readonly onProblem?: ((problem: WorkloadError) => void) | undefined;
}

const first: PickX509Svid = ([svid]) => svid;

/**
 * The X.509 identity of this process and whom it trusts, kept fresh over the Workload API for as long as it is open.
 *
 * - Emits `update` after everything that changes, `withdrawn` when the agent says that there is no identity any more, and
 *   `problem` with a `WorkloadError` whenever something does not work out.
 * - While the agent is away it keeps what it has and goes on trying, with a pause of at most ten seconds. A message that
 *   cannot be used is refused as a whole and changes nothing.
 * - PermissionDenied means that the identity is gone: SVID and bundles are dropped, so that nobody is trusted either.
 *
 * Keeps the process alive until it is closed.
 */
export class X509Source extends EventEmitter<SourceEvents> implements AsyncDisposable {
  readonly #pick: PickX509Svid;
  readonly #life = new AbortController();
  readonly #ended: Promise<void>;
  #context: X509Context | undefined;
  #svid: X509Svid | undefined;

  private constructor(target: string, pick: PickX509Svid) {
    super();
    this.#pick = pick;
    this.#ended = watchStream({
      target,
      method: workloadMethods.FetchX509SVID,
      accept: (message) => this.#accept(readX509Context(message)),
      problem: (problem) => this.#problem(problem),
      signal: this.#life.signal,
    }).catch((error: unknown) => {
      if (!this.#life.signal.aborted) throw error;
    });
  }

  /**
   * Waits until there is an identity, however long that takes: the signal ends the waiting, and the rejection has its reason. Once
   * there is a source, the signal plays no part any more. Rejects with `WorkloadError` at once when it cannot ever work:
   * `no_address`, `invalid_address`, `invalid_request`, `unimplemented`, and `pick_failed` while there is no identity yet.
   */
  static async create({ address, signal, pick = first, onProblem }: X509SourceOptions = {}): Promise<X509Source> {
    signal?.throwIfAborted();
    const source = new X509Source(agentTarget(address), pick);
    if (onProblem) source.on('problem', onProblem);
    try {
      await firstOf(source, signal);
      return source;
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** The identity to use now. Throws `no_identity` when it was withdrawn or none was picked, and `closed`. */
  svid(): X509Svid {
    this.#demandOpen();
    if (this.#svid === undefined) {
      const why = this.#context === undefined ? 'the agent gives this process none' : 'none of those given was picked';
      throw new WorkloadError('no_identity', `no X.509 identity: ${why}`);
    }
    return this.#svid;
  }

  /** All identities that the agent gives, in its order; none after they were withdrawn. */
  svids(): readonly X509Svid[] {
    this.#demandOpen();
    return this.#context?.svids ?? [];
  }

  /** The bundle of a trust domain; nothing when it is not trusted, and after the identity was withdrawn. */
  bundleFor(trustDomain: string): X509Bundle | undefined {
    return this.bundles().get(trustDomain as TrustDomain);
  }

  /** All bundles, each for its own trust domain. */
  bundles(): ReadonlyMap<TrustDomain, X509Bundle> {
    this.#demandOpen();
    return this.#context?.bundles ?? new Map<TrustDomain, X509Bundle>();
  }

  /** Ends it. What it gave stays usable; whoever still asks it is told `closed`. */
  async close(): Promise<void> {
    this.#life.abort();
    await this.#ended;
    this.#context = undefined;
    this.#svid = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #demandOpen(): void {
    if (this.#life.signal.aborted) throw new WorkloadError('closed', 'this source of identities was closed');
  }

  #accept(context: X509Context): void {
    const picked = this.#picked(context.svids);
    this.#context = context;
    this.#svid = picked;
    quietly(() => this.emit('update'));
  }

  #picked(svids: readonly X509Svid[]): X509Svid | undefined {
    try {
      return this.#pick(svids);
    } catch (error) {
      throw new WorkloadError('pick_failed', 'the function that picks an X.509 identity threw', { cause: error });
    }
  }

  #problem(problem: WorkloadError): void {
    const isWithdrawn = problem.code === 'no_identity' && this.#context !== undefined;
    if (isWithdrawn) {
      this.#context = undefined;
      this.#svid = undefined;
    }
    quietly(() => this.emit('problem', problem));
    if (isWithdrawn) quietly(() => this.emit('withdrawn'));
    if (isFinal(problem)) quietly(() => this.emit('ended', problem));
  }
}
