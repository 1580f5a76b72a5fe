/** The place of one value in a queue. */
export interface QueuePlace<Value> {
  readonly value: Value;
  /** The neighbours; undefined at an end, and once the place was removed. */
  before: QueuePlace<Value> | undefined;
  after: QueuePlace<Value> | undefined;
}

/**
 * A queue from whose middle values can be removed, for what comes and goes with each request. A `Set` would do, but V8 gives
 * one a new table every few dozen changes, and each old table leads to the next: once an old table has been promoted to the old
 * generation, everything in later ones, so every request, stays in memory until a full collection.
 */
export class LinkedQueue<Value> {
  #first: QueuePlace<Value> | undefined;
  #last: QueuePlace<Value> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The value that has been here longest. */
  get first(): Value | undefined {
    return this.#first?.value;
  }

  /** Adds at the end. */
  add(value: Value): QueuePlace<Value> {
    const place: QueuePlace<Value> = { value, before: this.#last, after: undefined };
    if (this.#last) this.#last.after = place;
    else this.#first = place;
    this.#last = place;
    this.#size += 1;
    return place;
  }

  /** Removes the value that has been here longest. */
  shift(): Value | undefined {
    const first = this.#first;
    if (first) this.remove(first);
    return first?.value;
  }

  /** Removes one place; doing so again does nothing. */
  remove(place: QueuePlace<Value>): void {
    const { before, after } = place;
    if (before === undefined && this.#first !== place) return;
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
    // A removed place must not lead to places that are still here: the collector would keep them.
    place.before = undefined;
    place.after = undefined;
    this.#size -= 1;
  }

  /** The first that fits; slow in a long queue. */
  find(fits: (value: Value) => boolean): QueuePlace<Value> | undefined {
    let place = this.#first;
    while (place && !fits(place.value)) place = place.after;
    return place;
  }

  *[Symbol.iterator](): Iterator<Value> {
    let place = this.#first;
    while (place) {
      // Read first: whoever is given this value may remove it.
      const { value, after } = place;
      yield value;
      place = after;
    }
  }
}
