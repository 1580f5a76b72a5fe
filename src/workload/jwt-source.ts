import { EventEmitter } from 'node:events';
import { systemClock } from '../adapters/system/clock.ts';
import type { TrustDomain } from '../domain/trust-domain.ts';
import { verifyJwtSvid, type VerifiedJwtSvid } from '../verify/jwt-svid.ts';
import { agentTarget, type AgentOptions } from './agent.ts';
import { isFinal, WorkloadError } from './errors.ts';
import { judging, readJwtBundles, type JwtBundle, type JwtSvid } from './jwt-svid.ts';
import { audienceOf, fetchJwtSvids, type JwtSvidQuestion } from './one-shot.ts';
import { firstOf, quietly, type SourceEvents } from './source.ts';
import { watchStream } from './watch.ts';
import { workloadMethods } from './wire.ts';

export interface JwtSourceOptions extends AgentOptions {
  /** Listens to `problem` from the beginning, so that it can be told why there is no source yet. */
  readonly onProblem?: ((problem: WorkloadError) => void) | undefined;
}

interface Kept {
  readonly svids: readonly JwtSvid[];
  /** Milliseconds of wall time: half of the life of the first that ends. */
  readonly freshUntil: number;
  readonly expiresAt: number;
}

/** Questions whose answers are kept; beyond it the oldest is forgotten. */
const MAX_KEPT = 1000;

const keyOf = (audience: readonly string[], spiffeId: string | undefined): string =>
  JSON.stringify([[...new Set(audience)].sort(), spiffeId ?? '']);

const keep = (svids: readonly JwtSvid[], now: number): Kept => {
  const expiresAt = Math.min(...svids.map((svid) => svid.expiresAt)) * 1000;
  return { svids, expiresAt, freshUntil: now + (expiresAt - now) / 2 };
};

/** Waits with others for work that is not the waiter's alone, so that one who gives up does not end it for all. */
const sharing = <Value>(work: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> => {
  if (signal === undefined) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', abort));
};

/**
 * JWT-SVIDs of this process, and the keys to check those of others, kept fresh over the Workload API for as long as it is
 * open. Events and behaviour without an agent are those of `X509Source`; PermissionDenied drops bundles and tokens.
 */
export class JwtSource extends EventEmitter<SourceEvents> implements AsyncDisposable {
  readonly #address: string | undefined;
  readonly #life = new AbortController();
  readonly #ended: Promise<void>;
  readonly #kept = new Map<string, Kept>();
  readonly #underWay = new Map<string, Promise<readonly JwtSvid[]>>();
  #bundles: ReadonlyMap<TrustDomain, JwtBundle> | undefined;

  private constructor(address: string | undefined) {
    super();
    this.#address = address;
    this.#ended = watchStream({
      target: agentTarget(address),
      method: workloadMethods.FetchJWTBundles,
      accept: (message) => {
        this.#bundles = readJwtBundles(message);
        quietly(() => this.emit('update'));
      },
      problem: (problem) => this.#problem(problem),
      signal: this.#life.signal,
    }).catch((error: unknown) => {
      if (!this.#life.signal.aborted) throw error;
    });
  }

  /** Waits until there are bundles; as `X509Source.create`. */
  static async create({ address, signal, onProblem }: JwtSourceOptions = {}): Promise<JwtSource> {
    signal?.throwIfAborted();
    const source = new JwtSource(address);
    if (onProblem) source.on('problem', onProblem);
    try {
      await firstOf(source, signal);
      return source;
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** The token of the default identity, or of the one that is named, for an audience. As `svids`. */
  async svid(question: JwtSvidQuestion & Pick<AgentOptions, 'signal'>): Promise<JwtSvid> {
    const [svid] = await this.svids(question);
    if (svid === undefined) throw new WorkloadError('malformed_response', 'the agent gave no JWT-SVID');
    return svid;
  }

  /**
   * Tokens for an audience, one for each identity. What was fetched is given again for half of its life; after that it is
   * fetched anew, and given on to its end only while the agent cannot be asked. Questions asked at once are asked of the
   * agent once.
   */
  async svids({ signal, ...question }: JwtSvidQuestion & Pick<AgentOptions, 'signal'>): Promise<readonly JwtSvid[]> {
    this.#demandOpen();
    signal?.throwIfAborted();
    const audience = audienceOf(question);
    const key = keyOf(audience, question.spiffeId);
    const kept = this.#kept.get(key);
    const now = systemClock.now();
    if (kept !== undefined && now < kept.freshUntil) return kept.svids;
    try {
      return await sharing(this.#fetch(key, { ...question, audience }), signal);
    } catch (error) {
      const isAway = error instanceof WorkloadError && error.code === 'unavailable';
      if (isAway && kept !== undefined && systemClock.now() < kept.expiresAt) return kept.svids;
      throw error;
    }
  }

  /** The JWT keys of a trust domain; nothing when it is not trusted. */
  bundleFor(trustDomain: string): JwtBundle | undefined {
    return this.bundles().get(trustDomain as TrustDomain);
  }

  /** All JWT bundles, each for its own trust domain. */
  bundles(): ReadonlyMap<TrustDomain, JwtBundle> {
    this.#demandOpen();
    return this.#bundles ?? new Map<TrustDomain, JwtBundle>();
  }

  /**
   * Checks a JWT-SVID that somebody presented, without asking anybody (JWT-SVID §4): it names one of the audiences that this
   * process goes by, and a key of its own trust domain signed it. Throws `invalid_token`. It does not learn of revocation.
   */
  validate(token: string, expected: { readonly audience: string | readonly string[] }): VerifiedJwtSvid {
    const bundles = this.bundles();
    const audiences = audienceOf(expected);
    return judging(() =>
      verifyJwtSvid(token, {
        audiences,
        bundles: (trustDomain) => bundles.get(trustDomain)?.keys,
        now: systemClock.now(),
      }),
    );
  }

  async close(): Promise<void> {
    this.#life.abort(new WorkloadError('closed', 'this source of tokens was closed'));
    await this.#ended;
    this.#drop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #demandOpen(): void {
    this.#life.signal.throwIfAborted();
  }

  #fetch(key: string, question: JwtSvidQuestion): Promise<readonly JwtSvid[]> {
    const running = this.#underWay.get(key);
    if (running) return running;
    const work = this.#ask(key, question).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, work);
    return work;
  }

  async #ask(key: string, question: JwtSvidQuestion): Promise<readonly JwtSvid[]> {
    try {
      const svids = await fetchJwtSvids({ ...question, address: this.#address, signal: this.#life.signal });
      this.#kept.delete(key);
      this.#kept.set(key, keep(svids, systemClock.now()));
      const [oldest] = this.#kept.keys();
      if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
      return svids;
    } catch (error) {
      if (error instanceof WorkloadError && error.code === 'no_identity') this.#kept.delete(key);
      throw error;
    }
  }

  #drop(): void {
    this.#bundles = undefined;
    this.#kept.clear();
  }

  #problem(problem: WorkloadError): void {
    const isWithdrawn = problem.code === 'no_identity' && this.#bundles !== undefined;
    if (problem.code === 'no_identity') this.#drop();
    quietly(() => this.emit('problem', problem));
    if (isWithdrawn) quietly(() => this.emit('withdrawn'));
    if (isFinal(problem)) quietly(() => this.emit('ended', problem));
  }
}
