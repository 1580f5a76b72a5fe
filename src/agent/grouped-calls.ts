import { Refusal } from '../domain/refusal.ts';
import type { Answered } from '../ports/agent-server.ts';
import type { Delays } from '../ports/timers.ts';
import type { Pace } from './pace.ts';

export interface GroupedCallsParts<Item> {
  readonly pace: Pace;
  readonly delays: Delays;
  /** One call for 1 to 100 items. It settles all of them itself, and does not reject. */
  readonly call: (items: readonly Item[]) => Promise<void>;
}

/** How many items one call holds at most (DEC-21). */
const MAX_ITEMS = 100;
const MAX_CALLS = 2;

/** Puts items that wait into common calls. At most two calls are under way, and the pace decides when the next may begin. */
export class GroupedCalls<Item> {
  readonly #parts: GroupedCallsParts<Item>;
  readonly #urgent = new Set<Item>();
  readonly #waiting = new Set<Item>();
  #calls = 0;
  #cancel: (() => void) | undefined;
  #isWoken = false;

  constructor(parts: GroupedCallsParts<Item>) {
    this.#parts = parts;
  }

  /** How many wait. */
  get size(): number {
    return this.#urgent.size + this.#waiting.size;
  }

  /** Urgent items go first. */
  add(item: Item, isUrgent: boolean): void {
    (isUrgent ? this.#urgent : this.#waiting).add(item);
    if (this.#isWoken || this.#cancel) return;
    this.#isWoken = true;
    // Later, so that items that are added together go into one call.
    queueMicrotask(() => {
      this.#isWoken = false;
      this.#pump();
    });
  }

  /** Tries again now what waits, as far as the pace allows. */
  again(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#pump();
  }

  /** Drops the items that wait, and returns them. */
  clear(): readonly Item[] {
    const dropped = [...this.#urgent, ...this.#waiting];
    this.#urgent.clear();
    this.#waiting.clear();
    this.#cancel?.();
    this.#cancel = undefined;
    return dropped;
  }

  #pump(): void {
    while (this.#calls < MAX_CALLS) {
      const group = this.#next();
      if (group.length === 0) return;
      const wait = this.#parts.pace.take(group.length);
      if (wait > 0) {
        this.#cancel ??= this.#parts.delays.after(wait, () => {
          this.#cancel = undefined;
          this.#pump();
        });
        return;
      }
      for (const item of group) if (!this.#urgent.delete(item)) this.#waiting.delete(item);
      this.#calls += 1;
      void this.#parts.call(group).finally(() => {
        this.#calls -= 1;
        this.#pump();
      });
    }
  }

  #next(): Item[] {
    const group = [...this.#urgent.values().take(MAX_ITEMS)];
    return [...group, ...this.#waiting.values().take(MAX_ITEMS - group.length)];
  }
}

/** The answers to a call, item by item. Has `pace` wait for as long as the server's `Retry-After` says. */
export const answersOf = async <T>(
  pace: Pace,
  ask: () => Promise<readonly Answered<T>[]>,
): Promise<readonly Answered<T>[]> => {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Refusal && error.retryAfter !== undefined) pace.pause(error.retryAfter);
    throw error;
  }
};
