import type { Timers } from '../../src/ports/timers.ts';
import { testClock } from '../../test/support/ledger.ts';

interface Event {
  readonly at: number;
  readonly work: () => Promise<void> | void;
}

const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** How much of the life of the server's own certificate goes by between two looks at what is to be renewed. */
const LOOKS = 3;

/** Made-up time that leaps from one event to the next; wall and elapsed time are the same. */
export class EventTime {
  readonly clock = testClock();
  readonly timers: Timers = { repeat: (everyMs, work) => this.#repeat(this.#slowed(everyMs), work) };
  readonly #ownLife: number;
  readonly #jobs = new Set<() => Promise<void> | void>();
  /** The next one last. */
  readonly #events: Event[] = [];
  readonly #afterEach: () => void;
  readonly #failed: (error: Error) => void;

  /** `ownLife`: of the server's own certificate, in milliseconds. An event that fails is told, and time goes on. */
  constructor(ownLife: number, afterEach: () => void, failed: (error: Error) => void) {
    this.#ownLife = ownLife;
    this.#afterEach = afterEach;
    this.#failed = failed;
  }

  now(): number {
    return this.clock.now();
  }

  /** Of two events of one moment, the one that was asked for first comes first. */
  at(moment: number, work: Event['work']): void {
    const at = Math.round(moment);
    let place = this.#events.length;
    while (place > 0 && (this.#events[place - 1]?.at ?? 0) <= at) place -= 1;
    this.#events.splice(place, 0, { at, work });
  }

  after(ms: number, work: Event['work']): void {
    this.at(this.now() + ms, work);
  }

  async runUntil(end: number): Promise<void> {
    for (let next = this.#events.at(-1); next !== undefined && next.at <= end; next = this.#events.at(-1)) {
      this.#events.pop();
      this.clock.advance(Math.max(0, next.at - this.now()));
      try {
        await next.work();
      } catch (error) {
        this.#failed(error as Error);
      }
      this.#afterEach();
    }
    this.clock.advance(Math.max(0, end - this.now()));
  }

  /** All background work now, as a server does it within ten seconds. */
  async settle(): Promise<void> {
    for (const job of this.#jobs) await job();
    this.#afterEach();
  }

  /** Background work of every few seconds is done less often: between two events nobody would see the difference. */
  #slowed(everyMs: number): number {
    return everyMs === MINUTE ? Math.min(3 * HOUR, this.#ownLife / LOOKS) : 6 * HOUR;
  }

  #repeat(everyMs: number, work: Event['work']): () => void {
    this.#jobs.add(work);
    const again = async (): Promise<void> => {
      if (!this.#jobs.has(work)) return;
      await work();
      this.after(everyMs, again);
    };
    this.after(everyMs, again);
    return () => this.#jobs.delete(work);
  }
}
