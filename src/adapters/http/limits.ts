import { Refusal } from '../../domain/refusal.ts';
import { sourceKey } from '../../formats/ip-address.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Route } from './route.ts';
import type { TokenBuckets } from './token-buckets.ts';

export type SourceLimit = NonNullable<Route['sourceLimit']>;

/** Items a second (DEC-21). */
export interface LimitOptions {
  readonly perSource: Readonly<Record<SourceLimit, number>>;
  readonly workload: number;
  readonly agent: number;
}

export const DEFAULT_LIMITS: LimitOptions = { perSource: { attest: 10 }, workload: 50, agent: 500 };

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
    this.#take(`${limit} ${sourceKey(source)}`, this.#options.perSource[limit], 1);
  }

  /** `items` signings for an identity; `override` is its entry's own rate. */
  signings(identity: string, kind: 'workload' | 'agent', items: number, override?: number): void {
    this.#take(`sign ${identity}`, override ?? this.#options[kind], items);
  }

  #take(key: string, perSecond: number, items: number): void {
    const waitMs = this.#buckets.take(key, { perSecond }, items, this.#clock.monotonic());
    if (waitMs <= 0) return;
    throw new Refusal('rate_limited', 'you ask more often than you may', {
      retryAfter: Math.max(1, Math.ceil(waitMs / 1000)),
    });
  }
}
