const LEAST_BYTES = 64;
const NOTHING = Buffer.alloc(0);

/** Octets that come in parts, however small: takes at most twice their room, and copies each a few times at most. */
export class GatheredOctets {
  #octets: Buffer = NOTHING;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(part: Buffer): void {
    const length = this.#length + part.length;
    if (length > this.#octets.length) {
      const wider = Buffer.allocUnsafeSlow(Math.max(LEAST_BYTES, length, 2 * this.#octets.length));
      this.#octets.copy(wider, 0, 0, this.#length);
      this.#octets = wider;
    }
    part.copy(this.#octets, this.#length);
    this.#length = length;
  }

  /** All of them, with `last` behind. Nothing is kept. */
  take(last: Buffer): Buffer {
    if (this.#length === 0) return last;
    this.add(last);
    const all = this.#octets.subarray(0, this.#length);
    this.drop();
    return all;
  }

  drop(): void {
    this.#octets = NOTHING;
    this.#length = 0;
  }
}
