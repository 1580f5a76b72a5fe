/**
 * A map with room for so many values, each of which belongs to a user. When it is full, the oldest value of whoever holds the most
 * is dropped: one who fills it pushes out his own.
 */
export class FairMap<Value> {
  readonly #most: number;
  readonly #values = new Map<string, { readonly uid: number; readonly value: Value }>();
  /** Keys of each user, the oldest first. */
  readonly #ofUser = new Map<number, Set<string>>();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#values.size;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key)?.value;
  }

  /** All of them, the oldest first. */
  *values(): Generator<Value> {
    for (const { value } of this.#values.values()) yield value;
  }

  /** Takes the place of what has this key. Gives the key that was dropped to make room for it. */
  set(key: string, uid: number, value: Value): string | undefined {
    this.delete(key);
    this.#values.set(key, { uid, value });
    const keys = this.#ofUser.get(uid);
    if (keys) keys.add(key);
    else this.#ofUser.set(uid, new Set([key]));
    if (this.#values.size <= this.#most) return undefined;
    const dropped = this.#oldestOfLargest();
    if (dropped !== undefined) this.delete(dropped);
    return dropped;
  }

  delete(key: string): void {
    const held = this.#values.get(key);
    if (held === undefined) return;
    this.#values.delete(key);
    const keys = this.#ofUser.get(held.uid);
    keys?.delete(key);
    if (keys?.size === 0) this.#ofUser.delete(held.uid);
  }

  #oldestOfLargest(): string | undefined {
    let largest: ReadonlySet<string> = new Set();
    for (const keys of this.#ofUser.values()) if (keys.size > largest.size) largest = keys;
    const [oldest] = largest;
    return oldest;
  }
}
