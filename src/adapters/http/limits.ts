import { hash } from 'node:crypto';
import { Refusal } from '../../domain/refusal.ts';
import { sourceKey } from '../../formats/ip-address.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Route } from './route.ts';
import type { Rate, TokenBuckets } from './token-buckets.ts';

export type SourceLimit = NonNullable<Route['sourceLimit']>;

/** Items a second (DEC-21). */
export interface LimitOptions {
  readonly perSource: Readonly<Record<SourceLimit, number>>;
  readonly workload: number;
  readonly agent: number;
}

export const DEFAULT_LIMITS: LimitOptions = { perSource: { attest: 10 }, workload: 50, agent: 500 };

/**
 * Openings of the feed by one agent. An honest one opens it once and comes back after seconds; the burst is for several agents
 * behind one identity, and for what makes one come anew: a new SVID, another authority, the end of a server.
 */
const FEED_RATE: Rate = { perSecond: 1, burst: 10 };

/**
 * Greetings with one certificate. Each opening of the feed comes after one, and one comes every few minutes beside it: whoever
 * keeps to the rate of openings never meets this one.
 */
const HELLO_RATE: Rate = { perSecond: 2, burst: 20 };

/** Who has asked how often lately, in all front ends together. Each method throws `Refusal('rate_limited')` when it was too often. */
export class RateLimits {
  readonly #buckets: TokenBuckets;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #options: LimitOptions;

  constructor(buckets: TokenBuckets, clock: Pick<Clock, 'monotonic'>, options: LimitOptions = DEFAULT_LIMITS) {
    this.#buckets = buckets;
    this.#clock = clock;
    this.#options = options;
  }

  /** One request of a network address, before it is authenticated. */
  source(limit: SourceLimit, source: string): void {
    this.#take(`${limit} ${sourceKey(source)}`, { perSecond: this.#options.perSource[limit] }, 1);
  }

  /** `items` signings for an identity; `override` is its entry's own rate. */
  signings(identity: string, kind: 'workload' | 'agent', items: number, override?: number): void {
    this.#take(`sign ${identity}`, { perSecond: override ?? this.#options[kind] }, items);
  }

  /** One validation for an identity: as many as it may have signings, beside those. */
  validation(identity: string, kind: 'workload' | 'agent', override?: number): void {
    this.#take(`validate ${identity}`, { perSecond: override ?? this.#options[kind] }, 1);
  }

  /** One opening of the feed by an agent. */
  feed(agent: string): void {
    this.#take(`feed ${agent}`, FEED_RATE, 1);
  }

  /**
   * One greeting, before it is known who greets: what an agent remembers counts whoever brings it (DEC-11), and to look at it is
   * what costs. By the certificate that was shown, since only who has its key can use up its rate; by the address without one.
   */
  hello(leaf: Uint8Array | undefined, source: string): void {
    this.#take(`hello ${leaf === undefined ? sourceKey(source) : hash('sha256', leaf, 'hex')}`, HELLO_RATE, 1);
  }

  #take(key: string, rate: Rate, items: number): void {
    const waitMs = this.#buckets.take(key, rate, items, this.#clock.monotonic());
    if (waitMs <= 0) return;
    throw new Refusal('rate_limited', 'you ask more often than you may', {
      retryAfter: Math.max(1, Math.ceil(waitMs / 1000)),
    });
  }
}
