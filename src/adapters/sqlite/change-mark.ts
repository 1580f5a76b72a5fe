/** How large the shared memory has to be. */
export const CHANGE_MARK_BYTES = Int32Array.BYTES_PER_ELEMENT;

/**
 * Says to all threads of the process that the change feed has grown, so that readers ask the store only then. The writer
 * marks after the commit and before it answers anyone: whoever has an answer, or hears of one, finds the mark. It counts and
 * wraps around; only that it differs means something.
 */
export class ChangeMark {
  readonly #count: Int32Array<SharedArrayBuffer>;

  constructor(memory: SharedArrayBuffer) {
    this.#count = new Int32Array(memory, 0, 1);
  }

  get value(): number {
    return Atomics.load(this.#count, 0);
  }

  /** For the writer only. */
  advance(): void {
    Atomics.add(this.#count, 0, 1);
    Atomics.notify(this.#count, 0);
  }

  /**
   * Calls back soon after the mark has moved, once for moves that come together, until the function that it returns is called.
   * Keeps no process alive.
   */
  watch(listener: () => void): () => void {
    let watching = true;
    const follow = async (): Promise<void> => {
      for (let seen = this.value; ; ) {
        await Atomics.waitAsync(this.#count, 0, seen).value;
        if (!watching) return;
        // Read before the listener runs: what moves after it is waited for, and found at once.
        const now = this.value;
        if (now !== seen) listener();
        seen = now;
      }
    };
    void follow();
    return () => {
      watching = false;
    };
  }
}
