/**
 * A map with limited room, whose values belong to users. When it is full, the oldest value of the user with the most is dropped:
 * whoever fills it pushes out their own.
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

  /** Sets the value of a key. Returns the key that was dropped to make room, if one was. */
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
