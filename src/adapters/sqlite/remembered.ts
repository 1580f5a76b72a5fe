/** How many values one memory holds; beyond it it starts anew. */
const MOST = 20_000;

/** Values that were read lately. A key without a value is read again each time. */
export class Remembered<Key, Value> {
  readonly #held = new Map<Key, Value>();

  get<Read extends Value | undefined>(key: Key, read: () => Read): Value | Read {
    const held = this.#held.get(key);
    if (held !== undefined) return held;
    const value = read();
    if (value === undefined) return value;
    if (this.#held.size >= MOST) this.#held.clear();
    this.#held.set(key, value);
    return value;
  }

  delete(key: Key): void {
    this.#held.delete(key);
  }
}
