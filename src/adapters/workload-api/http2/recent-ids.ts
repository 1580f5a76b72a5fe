const MOST = 256;

/** The last few hundred numbers that were added. */
export class RecentIds {
  readonly #ids = new Set<number>();

  add(id: number): void {
    this.#ids.add(id);
    if (this.#ids.size <= MOST) return;
    const [oldest = id] = this.#ids;
    this.#ids.delete(oldest);
  }

  has(id: number): boolean {
    return this.#ids.has(id);
  }
}
