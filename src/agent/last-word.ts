import { earlier, type Instant } from '../domain/instant.ts';
import { Refusal } from '../domain/refusal.ts';
import type { Clock } from '../ports/clock.ts';
import type { Delays } from '../ports/timers.ts';

export interface LastWordParts {
  readonly clock: Clock;
  readonly delays: Delays;
  /** How long the agent may serve without a word from the server, in milliseconds. */
  readonly maxOffline: () => number;
  /** It may serve from now on, or may not any more. */
  readonly changed: (maySay: boolean) => void;
}

/** A stored time may lie so far ahead of the clock, in milliseconds, before it is not believed. */
const AHEAD_MS = 60_000;
/** The clocks are looked at this often. */
const LONGEST_WAIT = 30_000;

/**
 * How long ago the server last said that what is held holds, and whether that is too long (DEC-36). Time that the machine slept
 * counts. Whatever the wall clock says, nobody serves for longer than `maxOffline`.
 */
export class LastWord {
  readonly #parts: LastWordParts;
  /** On the clock that nobody sets; milliseconds. */
  #heardAt: number | undefined;
  #wallAt: Instant | undefined;
  #mayServe = false;
  #cancel: (() => void) | undefined;

  constructor(parts: LastWordParts) {
    this.#parts = parts;
  }

  /** Unix milliseconds. */
  get at(): Instant | undefined {
    return this.#wallAt;
  }

  get mayServe(): boolean {
    return this.#remaining() > 0;
  }

  /** The server said so, this many milliseconds ago at most. */
  heard(age = 0): void {
    this.#heardAt = this.#elapsed() - age;
    this.#wallAt = earlier(this.#parts.clock.now(), age);
    this.#look();
  }

  /** It said so then, before this process began. A time that lies ahead counts for nothing. */
  heardAt(at: Instant): void {
    const age = this.#parts.clock.now() - at;
    if (age < -AHEAD_MS) return;
    this.#heardAt = this.#elapsed() - Math.max(0, age);
    this.#wallAt = at;
    this.#look();
  }

  /** As if nothing had ever been heard. */
  forget(): void {
    this.#heardAt = undefined;
    this.#wallAt = undefined;
    this.#look();
  }

  /** Refuses with `unavailable` when nothing was heard yet, or not for too long. */
  check(): void {
    if (this.#remaining() > 0) return;
    const reason =
      this.#heardAt === undefined ? 'the agent has not heard from the server yet' : 'the server has been away too long';
    throw new Refusal('unavailable', reason, { retryAfter: 1 });
  }

  /** No timer is left. */
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
