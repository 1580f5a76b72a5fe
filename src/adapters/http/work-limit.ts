import { LinkedQueue } from './linked-queue.ts';

/** Credentials of renewals come before those of others. */
export type Urgency = 'renewal' | 'other';

export interface WorkLimitOptions {
  /** Credentials that are worked on at once while the event loop has enough to do. */
  readonly least: number;
  /** The same while it has not, since the disk keeps them all waiting. */
  readonly most: number;
}

export const DEFAULT_WORK_LIMIT: WorkLimitOptions = { least: 64, most: 512 };

/** Ends after which the limit is looked at again, if they took long enough together. */
const ENDS = 16;
const MILLISECONDS = 20;
/** Shares of the time in which the event loop is at work: below the one the limit grows, above the other it shrinks. */
const IDLE = 0.6;
const BUSY = 0.85;
const STEP = 1.5;

/** Where time goes, in milliseconds that never go backwards. */
export interface LoopTimes {
  readonly now: () => number;
  /** How long the event loop has been at work so far, without its idle time. */
  readonly busy: () => number;
}

interface Waiting {
  readonly items: number;
  readonly go: () => void;
}

/**
 * How many credentials a front end works on at once. Others that were let in (`Admission`) wait in line until those before them
 * have left, renewals before the rest. A core is busy with far fewer than are let in; were all begun at once, each step would be
 * taken for all of them before the first had its answer, and everything that belongs to them would outlive V8's young generation.
 */
export class WorkLimit {
  readonly #options: WorkLimitOptions;
  readonly #times: LoopTimes;
  readonly #renewals = new LinkedQueue<Waiting>();
  readonly #others = new LinkedQueue<Waiting>();
  #most: number;
  #items = 0;
  #ends = 0;
  #since: { readonly now: number; readonly busy: number };

  constructor(times: LoopTimes, options: WorkLimitOptions = DEFAULT_WORK_LIMIT) {
    this.#times = times;
    this.#options = options;
    this.#most = options.least;
    this.#since = { now: times.now(), busy: times.busy() };
  }

  /** Credentials that are worked on now. */
  get items(): number {
    return this.#items;
  }

  /** Does `work`, which makes `items` credentials, when it is its turn. More than the limit at once are taken where nothing else is begun. */
  async run<T>(items: number, urgency: Urgency, work: () => Promise<T>): Promise<T> {
    if (this.#items < this.#most) this.#items += items;
    else await this.#turn(items, urgency);
    try {
      return await work();
    } finally {
      this.#end(items);
    }
  }

  #turn(items: number, urgency: Urgency): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    (urgency === 'renewal' ? this.#renewals : this.#others).add({ items, go: resolve });
    return promise;
  }

  #end(items: number): void {
    this.#items -= items;
    this.#ends += 1;
    if (this.#ends % ENDS === 0) this.#adapt();
    while (this.#items < this.#most) {
      const next = this.#renewals.shift() ?? this.#others.shift();
      if (next === undefined) return;
      this.#items += next.items;
      next.go();
    }
  }

  #adapt(): void {
    const [now, busy] = [this.#times.now(), this.#times.busy()];
    const took = now - this.#since.now;
    if (took < MILLISECONDS) return;
    const share = (busy - this.#since.busy) / took;
    const { least, most } = this.#options;
    if (share > BUSY) this.#most = Math.max(least, this.#most / STEP);
    else if (share < IDLE && this.#renewals.size + this.#others.size > 0)
      this.#most = Math.min(most, this.#most * STEP);
    this.#since = { now, busy };
  }
}
