import type { Clock } from '../ports/clock.ts';

/**
 * How old, at most, what the server said last on one connection is. Whoever can hold octets back on the way makes them arrive
 * late, so that their arrival proves nothing. The server says with its first word, and from then on with each heartbeat, how much
 * time has passed on its own clock; the first word answers the question that the connection began with, and was not said before.
 */
export class WordAge {
  readonly #clock: Pick<Clock, 'monotonic' | 'sinceBoot'>;
  #askedAt = 0;
  /** On the server's clock, in milliseconds. */
  #first: number | undefined;
  #last: number | undefined;

  constructor(clock: Pick<Clock, 'monotonic' | 'sinceBoot'>) {
    this.#clock = clock;
  }

  /** A connection is asked for. */
  asked(): void {
    this.#askedAt = this.#now();
    this.#first = undefined;
    this.#last = undefined;
  }

  /** The server said so; undefined: it is one that does not tell. */
  told(elapsed: number | undefined): void {
    this.#first ??= elapsed;
    this.#last = elapsed ?? this.#last;
  }

  /** Milliseconds; 0 on a connection to a server that does not tell. */
  get milliseconds(): number {
    if (this.#first === undefined || this.#last === undefined) return 0;
    const saidAt = this.#askedAt + (this.#last - this.#first);
    return Math.max(0, this.#now() - saidAt);
  }

  #now(): number {
    return this.#clock.sinceBoot?.() ?? this.#clock.monotonic();
  }
}
