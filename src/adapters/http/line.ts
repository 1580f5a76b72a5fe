/** Where something stands in a line. */
export interface Place<Value> {
  readonly value: Value;
  /** Neighbours; undefined at an end, and once it has left. */
  before: Place<Value> | undefined;
  after: Place<Value> | undefined;
}

/**
 * Values in the order in which they came, for those that come and go with each request. A `Set` or a `Map` would move to a new
 * table every few dozen of them. V8 lets each old table lead to the next one: once one of them is old enough for the old
 * generation, all that ever stood in later ones stays until a full collection, and so would every request.
 */
export class Line<Value> {
  #first: Place<Value> | undefined;
  #last: Place<Value> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Who has been here longest. */
  get first(): Value | undefined {
    return this.#first?.value;
  }

  /** Stands at the end from now on. */
  add(value: Value): Place<Value> {
    const place: Place<Value> = { value, before: this.#last, after: undefined };
    if (this.#last) this.#last.after = place;
    else this.#first = place;
    this.#last = place;
    this.#size += 1;
    return place;
  }

  /** Takes away who has been here longest. */
  shift(): Value | undefined {
    const first = this.#first;
    if (first) this.leave(first);
    return first?.value;
  }

  /** Once for each place; leaving again does nothing. */
  leave(place: Place<Value>): void {
    const { before, after } = place;
    if (before === undefined && this.#first !== place) return;
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
    // What left long ago must not lead to what is still here, or the collector would follow.
    place.before = undefined;
    place.after = undefined;
    this.#size -= 1;
  }

  /** The first that fits; slow where many stand in line. */
  find(fits: (value: Value) => boolean): Place<Value> | undefined {
    let place = this.#first;
    while (place && !fits(place.value)) place = place.after;
    return place;
  }

  *[Symbol.iterator](): Iterator<Value> {
    let place = this.#first;
    while (place) {
      // Whoever is given this one may let it leave.
      const { value, after } = place;
      yield value;
      place = after;
    }
  }
}
