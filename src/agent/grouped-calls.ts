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

/** DEC-21: of one call. */
const MAX_ITEMS = 100;
const MAX_CALLS = 2;

/** As many items in one call as wait; two calls are under way at most, and the pace says when the next one may be. */
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

  /** What is urgent goes before what is not. */
  add(item: Item, isUrgent: boolean): void {
    (isUrgent ? this.#urgent : this.#waiting).add(item);
    if (this.#isWoken || this.#cancel) return;
    this.#isWoken = true;
    // All that become due in one go are asked for in one call.
    queueMicrotask(() => {
      this.#isWoken = false;
      this.#pump();
    });
  }

  /** What waits for its time is tried again now, as far as the pace lets it. */
  again(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#pump();
  }

  /** Gives back those that waited; they are asked for no more. */
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

/** The answers to a call, item by item. Notes how long the server told to wait. */
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
