import type { Clock } from '../ports/clock.ts';
import type { Delays } from '../ports/timers.ts';

/** The wall clock may be set: it is looked at this often, in milliseconds. */
const LONGEST_WAIT = 30_000;

interface Due {
  readonly key: string;
  readonly at: number;
}

/**
 * One timer for the next of many moments of wall time. `onDue` is given every key whose moment has come; a key stands once, at the
 * moment that was set last.
 */
export class Schedule {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #delays: Delays;
  readonly #onDue: (keys: readonly string[]) => void;
  /** A binary heap by moment. What was moved or taken away stays until it comes to the top. */
  #heap: Due[] = [];
  readonly #current = new Map<string, Due>();
  #cancel: (() => void) | undefined;
  /** When the timer fires. */
  #armedFor = Infinity;

  constructor(clock: Pick<Clock, 'now'>, delays: Delays, onDue: (keys: readonly string[]) => void) {
    this.#clock = clock;
    this.#delays = delays;
    this.#onDue = onDue;
  }

  /** Unix milliseconds; `Infinity` takes it away. */
  set(key: string, at: number): void {
    if (this.#current.get(key)?.at === at) return;
    this.#current.delete(key);
    if (at !== Infinity) {
      const due: Due = { key, at };
      this.#current.set(key, due);
      this.#push(due);
    }
    this.#arm();
  }

  delete(key: string): void {
    this.set(key, Infinity);
  }

  clear(): void {
    this.#heap = [];
    this.#current.clear();
    this.#arm();
  }

  #arm(): void {
    const next = this.#top()?.at ?? Infinity;
    if (next >= this.#armedFor && next !== Infinity) return;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#armedFor = Infinity;
    if (next === Infinity) return;
    this.#armedFor = next;
    const wait = Math.min(LONGEST_WAIT, Math.max(0, next - this.#clock.now()));
    this.#cancel = this.#delays.after(wait, () => this.#fire());
  }

  #fire(): void {
    this.#cancel = undefined;
    this.#armedFor = Infinity;
    const now = this.#clock.now();
    const keys: string[] = [];
    for (let top = this.#top(); top !== undefined && top.at <= now; top = this.#top()) {
      this.#pop();
      this.#current.delete(top.key);
      keys.push(top.key);
    }
    if (keys.length > 0) this.#onDue(keys);
    this.#arm();
  }

  /** The next one that still counts. */
  #top(): Due | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (this.#current.get(top.key) === top) return top;
      this.#pop();
    }
    return undefined;
  }

  #push(due: Due): void {
    // A sorted list is a heap, too.
    if (this.#heap.length > 4 * this.#current.size + 64) {
      this.#heap = [...this.#current.values()].sort((a, b) => a.at - b.at);
      return;
    }
    const heap = this.#heap;
    let at = heap.push(due) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.at <= due.at) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = due;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const child = (heap[right]?.at ?? Infinity) < (heap[left]?.at ?? Infinity) ? right : left;
      const below = heap[child];
      if (below === undefined || below.at >= last.at) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}
