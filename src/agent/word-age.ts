import type { Clock } from '../ports/clock.ts';

/**
 * An upper bound on the age of the server's last message on one connection. When it arrived proves nothing: somebody on the way
 * may have held it back. But the server tells in its welcome, and then in each heartbeat, the time on a clock of its own; and the
 * welcome answers the request that opened the connection, so it was not sent before that. The difference of the two times,
 * counted from the request, is when the message was sent at the earliest.
 */
export class WordAge {
  readonly #clock: Pick<Clock, 'monotonic' | 'sinceBoot'>;
  #askedAt = 0;
  /** The first and the last time that the server told, on its clock, in milliseconds. */
  #first: number | undefined;
  #last: number | undefined;

  constructor(clock: Pick<Clock, 'monotonic' | 'sinceBoot'>) {
    this.#clock = clock;
  }

  /** A connection is being opened. */
  asked(): void {
    this.#askedAt = this.#now();
    this.#first = undefined;
    this.#last = undefined;
  }

  /** The server sent its time; undefined from one that sends none. */
  told(elapsed: number | undefined): void {
    this.#first ??= elapsed;
    this.#last = elapsed ?? this.#last;
  }

  /** The age in milliseconds; 0 for a server that sends no time. */
  get milliseconds(): number {
    if (this.#first === undefined || this.#last === undefined) return 0;
    const saidAt = this.#askedAt + (this.#last - this.#first);
    return Math.max(0, this.#now() - saidAt);
  }

  #now(): number {
    return this.#clock.sinceBoot?.() ?? this.#clock.monotonic();
  }
}
