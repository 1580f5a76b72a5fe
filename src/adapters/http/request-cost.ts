/** Requests after which the cost is worked out again, if they took long enough together. */
const REQUESTS = 16;
const MILLISECONDS = 20;
/** What a request is taken to cost before any was seen. */
const FIRST_GUESS = 1;
/** The weight of what was seen last. */
const WEIGHT = 0.5;

/**
 * How much of the event loop's time one request takes, whatever the machine, the kind of request and the other programs on it
 * make of it. The time of requests that were turned away counts too, for those that were not.
 */
export class RequestCost {
  readonly #busyMs: () => number;
  #finished = 0;
  #since: number;
  #milliseconds = FIRST_GUESS;

  /** `busyMs` says how long the thread's event loop has been at work so far, without its idle time. */
  constructor(busyMs: () => number) {
    this.#busyMs = busyMs;
    this.#since = busyMs();
  }

  get milliseconds(): number {
    return this.#milliseconds;
  }

  /** A request was answered. */
  finished(): void {
    this.#finished += 1;
    if (this.#finished % REQUESTS !== 0) return;
    const now = this.#busyMs();
    const took = now - this.#since;
    if (took < MILLISECONDS) return;
    this.#milliseconds += WEIGHT * (took / this.#finished - this.#milliseconds);
    this.#finished = 0;
    this.#since = now;
  }
}
