import { earlier, type Instant } from '../domain/instant.ts';
import { Refusal } from '../domain/refusal.ts';
import type { Clock } from '../ports/clock.ts';
import type { Delays } from '../ports/timers.ts';

export interface LastWordParts {
  readonly clock: Clock;
  readonly delays: Delays;
  /** How long the agent may serve without hearing from the server, in milliseconds. */
  readonly maxOffline: () => number;
  /** Called when the agent may serve from now on, or may not any more. */
  readonly changed: (mayServe: boolean) => void;
}

/** How far ahead of the clock a stored time may lie and still be believed, in milliseconds. */
const AHEAD_MS = 60_000;
/** The clocks are compared at least this often: no timer counts the time that the machine slept. */
const LONGEST_WAIT = 30_000;

/**
 * When the server last confirmed what the agent holds, and whether that is recent enough to serve by (DEC-36). Time that the
 * machine slept counts, and setting the wall clock gains nothing: the agent never serves for longer than `maxOffline`.
 */
export class LastWord {
  readonly #parts: LastWordParts;
  /** Milliseconds on the monotonic clock, which nobody sets. */
  #heardAt: number | undefined;
  #wallAt: Instant | undefined;
  #mayServe = false;
  #cancel: (() => void) | undefined;

  constructor(parts: LastWordParts) {
    this.#parts = parts;
  }

  /** When the server confirmed last; Unix milliseconds. */
  get at(): Instant | undefined {
    return this.#wallAt;
  }

  get mayServe(): boolean {
    return this.#remaining() > 0;
  }

  /** The server confirmed, at most `age` milliseconds ago. */
  heard(age = 0): void {
    this.#heardAt = this.#elapsed() - age;
    this.#wallAt = earlier(this.#parts.clock.now(), age);
    this.#look();
  }

  /** The server confirmed at `at`, before this process began. A time in the future is ignored. */
  heardAt(at: Instant): void {
    const age = this.#parts.clock.now() - at;
    if (age < -AHEAD_MS) return;
    this.#heardAt = this.#elapsed() - Math.max(0, age);
    this.#wallAt = at;
    this.#look();
  }

  /** As if the server had never been heard. */
  forget(): void {
    this.#heardAt = undefined;
    this.#wallAt = undefined;
    this.#look();
  }

  /** Refuses with `unavailable` when the server was not heard yet, or not for too long. */
  check(): void {
    if (this.#remaining() > 0) return;
    const reason =
      this.#heardAt === undefined ? 'the agent has not heard from the server yet' : 'the server has been away too long';
    throw new Refusal('unavailable', reason, { retryAfter: 1 });
  }

  /** Stops the timer. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(): void {
    this.stop();
    const left = this.#remaining();
    if (left > 0) this.#cancel = this.#parts.delays.after(Math.min(left, LONGEST_WAIT), () => this.#look());
    const mayServe = left > 0;
    if (mayServe === this.#mayServe) return;
    this.#mayServe = mayServe;
    this.#parts.changed(mayServe);
  }

  /** Milliseconds. */
  #remaining(): number {
    return this.#heardAt === undefined ? 0 : this.#heardAt + this.#parts.maxOffline() - this.#elapsed();
  }

  #elapsed(): number {
    return this.#parts.clock.sinceBoot?.() ?? this.#parts.clock.monotonic();
  }
}
