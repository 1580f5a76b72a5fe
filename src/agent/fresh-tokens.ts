import { Refusal } from '../domain/refusal.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { SyncEntry } from '../formats/sync-message.ts';
import type { AgentServer, Answered, IssuedToken } from '../ports/agent-server.ts';
import type { Clock } from '../ports/clock.ts';
import type { Delays } from '../ports/timers.ts';
import { answersOf, GroupedCalls } from './grouped-calls.ts';
import { acceptToken, tokenKey, type HeldToken } from './held-token.ts';
import type { InForce } from './in-force.ts';
import { Pace } from './pace.ts';
import type { SyncedView } from './synced-view.ts';
import type { TrustBundles } from './trust-bundles.ts';

export interface FreshTokensParts {
  readonly view: SyncedView;
  readonly inForce: InForce;
  readonly bundles: TrustBundles;
  readonly server: Pick<AgentServer, 'jwtSvids'>;
  readonly clock: Clock;
  readonly delays: Delays;
  /** The agent's own SPIFFE ID, once it has one. */
  readonly agent: () => SpiffeId | undefined;
  /** How many are kept; those used longest ago go. */
  readonly maxHeld: number;
  /** A token came. */
  readonly changed: () => void;
}

/** Of the 500 signings a second that an agent may ask for (DEC-21); the others are for X.509-SVIDs. */
const SIGNINGS_PER_SECOND = 200;
const MAX_WAITING = 2000;
/** From this part of its life on, a token that is asked for is renewed in the background … */
const RENEWED_FROM = 0.5;
/** … and from this one the caller waits for the new one, for so long. */
const AWAITED_FROM = 0.9;
const AWAITED_MS = 1000;
/** What the server refused is not asked for again so soon, and neither is a server that does not answer. */
const REFUSED_FOR_MS = 5000;
const FAILED_FOR_MS = 1000;

interface Cached {
  held?: HeldToken | undefined;
  /** Why there is none to be had, until then (monotonic milliseconds). */
  refusal?: { readonly error: Refusal; readonly until: number } | undefined;
  flight?: Promise<HeldToken> | undefined;
}

interface Wanted {
  readonly key: string;
  readonly entry: SyncEntry;
  readonly audience: readonly string[];
  readonly resolve: (held: HeldToken) => void;
  readonly reject: (error: unknown) => void;
}

const unavailable = (reason: string): Refusal =>
  new Refusal('unavailable', 'a JWT-SVID cannot be had now', { reason, retryAfter: 1 });

const refusalOf = ({
  code,
  detail,
  decision,
}: Extract<Answered<unknown>, { refused: unknown }>['refused']): Refusal => {
  const options = decision === undefined ? {} : { decisionId: decision };
  if (code === 'invalid_request') return new Refusal('invalid_request', detail, options);
  if (code === 'no_identity' || code === 'revoked' || code === 'forbidden') {
    return new Refusal('no_identity', `no identity issued: ${detail}`, { ...options, reason: `the server: ${code}` });
  }
  return unavailable(`the server refused with ${code}`);
};

/**
 * JWT-SVIDs of entries, by entry and audiences: asked for when they are wanted, once however many want the same one, renewed past
 * half of their life, and served while they are good when the server is away (P5).
 */
export class FreshTokens {
  readonly #parts: FreshTokensParts;
  readonly #pace: Pace;
  readonly #calls: GroupedCalls<Wanted>;
  /** Those used last stand last. */
  readonly #cached = new Map<string, Cached>();

  constructor(parts: FreshTokensParts) {
    this.#parts = parts;
    this.#pace = new Pace(parts.clock, SIGNINGS_PER_SECOND);
    this.#calls = new GroupedCalls({ pace: this.#pace, delays: parts.delays, call: (group) => this.#call(group) });
  }

  /**
   * A good token. Refuses with `no_identity` what the server refuses for this entry and audience, with `invalid_request` what it
   * finds wrong with the audiences, and with `unavailable` when there is none and the server does not give one.
   */
  async token(entry: SyncEntry, audience: readonly string[]): Promise<HeldToken> {
    const key = tokenKey(entry.id, audience);
    const cached = this.#use(key);
    const held = this.#goodOf(cached);
    if (held === undefined) return this.#fetch(key, cached, entry, audience);
    const isOutdated = this.#isOutdated(held, entry);
    const age = this.#ageOf(held);
    if (age < RENEWED_FROM && !isOutdated) return held;
    const flight = this.#fetch(key, cached, entry, audience);
    if (age < AWAITED_FROM && !isOutdated) {
      flight.catch(() => undefined);
      return held;
    }
    return this.#soon(flight, cached);
  }

  /** The view, or who this agent is, is another now. */
  update(): void {
    for (const [key, cached] of this.#cached) {
      cached.refusal = undefined;
      if (cached.held && !this.#parts.inForce.isAlive(cached.held)) cached.held = undefined;
      if (!cached.held && !cached.flight) this.#cached.delete(key);
    }
  }

  all(): readonly HeldToken[] {
    return [...this.#cached.values()].flatMap(({ held }) => (held && this.#parts.inForce.isAlive(held) ? [held] : []));
  }

  /** Tokens that were kept over a restart. */
  restore(tokens: readonly HeldToken[]): void {
    for (const held of tokens) this.#use(held.key).held = held;
  }

  clear(): void {
    this.#cached.clear();
    for (const { reject } of this.#calls.clear()) reject(unavailable('everything was dropped'));
  }

  #use(key: string): Cached {
    const cached = this.#cached.get(key) ?? {};
    this.#cached.delete(key);
    this.#cached.set(key, cached);
    for (const [oldest] of this.#cached) {
      if (this.#cached.size <= this.#parts.maxHeld) break;
      this.#cached.delete(oldest);
    }
    return cached;
  }

  /** Of a key that verifiers know: one that was revoked is not among them any more. */
  #goodOf({ held }: Cached): HeldToken | undefined {
    const { inForce, view, bundles } = this.#parts;
    if (!held || !inForce.isAlive(held)) return undefined;
    const keys = (view.bundle && bundles.of(view.bundle))?.verificationKeys;
    return keys?.some(({ kid }) => kid === held.kid) === true ? held : undefined;
  }

  /** Good, but to be replaced before anything else. */
  #isOutdated(held: HeldToken, entry: SyncEntry): boolean {
    const { inForce, view } = this.#parts;
    return held.revision !== entry.revision || view.tainted.includes(held.kid) || inForce.isOfThePast(held);
  }

  /** From 0 at its beginning to 1 at its end. */
  #ageOf({ receivedAt, notAfter, life }: HeldToken): number {
    return (this.#parts.clock.now() - receivedAt) / Math.min(life * 1000, notAfter * 1000 - receivedAt);
  }

  /** The new one if it comes soon, otherwise the old one while it is good. */
  async #soon(flight: Promise<HeldToken>, cached: Cached): Promise<HeldToken> {
    const late = Promise.withResolvers<undefined>();
    const stop = this.#parts.delays.after(AWAITED_MS, () => late.resolve(undefined));
    try {
      return (await Promise.race([flight, late.promise])) ?? this.#goodOf(cached) ?? (await flight);
    } catch (error) {
      const old = this.#goodOf(cached);
      // What is refused for this entry is not given from memory either.
      if (old && error instanceof Refusal && error.code === 'unavailable') return old;
      throw error;
    } finally {
      stop();
    }
  }

  async #fetch(key: string, cached: Cached, entry: SyncEntry, audience: readonly string[]): Promise<HeldToken> {
    if (cached.flight) return cached.flight;
    const { clock, changed } = this.#parts;
    if (cached.refusal && cached.refusal.until > clock.monotonic()) throw cached.refusal.error;
    if (this.#calls.size >= MAX_WAITING) throw unavailable('too many tokens are wanted');
    const { promise, resolve, reject } = Promise.withResolvers<HeldToken>();
    cached.flight = promise;
    this.#calls.add({ key, entry, audience, resolve, reject }, cached.held === undefined);
    try {
      const held = await promise;
      cached.held = held;
      cached.refusal = undefined;
      changed();
      return held;
    } catch (thrown) {
      const error = thrown instanceof Refusal ? thrown : unavailable('the server did not answer');
      const isFinal = error.code !== 'unavailable';
      if (isFinal) cached.held = undefined;
      cached.refusal = { error, until: clock.monotonic() + (isFinal ? REFUSED_FOR_MS : FAILED_FOR_MS) };
      throw error;
    } finally {
      cached.flight = undefined;
    }
  }

  async #call(group: readonly Wanted[]): Promise<void> {
    const { server } = this.#parts;
    const items = group.map(({ entry, audience }) => ({ entryId: entry.id, audience }));
    try {
      const answers = await answersOf(this.#pace, () => server.jwtSvids(items));
      for (const [at, wanted] of group.entries()) this.#answer(wanted, answers[at]);
    } catch (error) {
      const { retryAfter, message }: Partial<Refusal> = error instanceof Refusal ? error : {};
      const refusal = new Refusal('unavailable', 'a JWT-SVID cannot be had now', {
        reason: `the server: ${message ?? 'an unexpected error'}`,
        ...(retryAfter !== undefined && { retryAfter }),
      });
      for (const { reject } of group) reject(refusal);
    }
  }

  #answer({ key, entry, resolve, reject }: Wanted, answer: Answered<IssuedToken> | undefined): void {
    const { agent, clock, inForce } = this.#parts;
    const via = agent();
    if (answer === undefined || via === undefined) return reject(unavailable('an item has no answer'));
    if ('refused' in answer) return reject(refusalOf(answer.refused));
    try {
      const held = acceptToken({ entry, key, issued: answer.value, agent: via, at: clock.now() });
      if (inForce.isAlive(held)) resolve(held);
      else reject(unavailable('the token was dead when it came'));
    } catch (error) {
      reject(error instanceof Refusal ? unavailable(error.reason ?? error.message) : error);
    }
  }
}
